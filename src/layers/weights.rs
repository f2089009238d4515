//! Parameters packed as the kernels read them, made once for each version of the parameters.

use super::config::{Config, ParamSpec};
use crate::Error;
use crate::buffer::{Buffer, Shelf};
use crate::kernels::gemm::matrix::{Matrix, Precision};
use crate::kernels::gemm::pack;
use crate::kernels::mask::Mask;
use crate::simd::{LANES, Level};
use std::sync::{Arc, Mutex};

/// All parameters of a stack, packed.
#[derive(Debug)]
pub struct Packed {
    pub(super) level: Level,
    pub(super) precision: Precision,
    pub(super) config: Config,
    pub(super) directions: Vec<Weights>,
}

/// One layer's parameters in one direction. Columns of the gates are in vectors of sixteen units, `4 vector + gate`.
#[derive(Debug)]
pub(super) struct Weights {
    pub input: Matrix,
    pub recurrent: Matrix,
    pub bias: Buffer,
    pub projection: Option<Matrix>,
    /// Rows i, f, o.
    pub peephole: Option<Buffer>,
    /// The gains of the normalised input and recurrent sums.
    pub gains: Option<[Buffer; 2]>,
    /// Only ever tried: a thread that a fork left behind may have held the lock.
    turned: Mutex<Option<Arc<Turned>>>,
}

/// The transposes that a backward pass multiplies by; made when first needed.
#[derive(Debug)]
pub(super) struct Turned {
    pub input: pack::Packed,
    pub recurrent: pack::Packed,
    pub projection: Option<pack::Packed>,
}

/// The row of a `[4 H, …]` parameter for packed column `c`: lane, gate and vector of units, without the lanes behind `H`.
pub(super) fn gate_row(hidden: usize, c: usize) -> Option<usize> {
    let (vector, lane) = (c / LANES, c % LANES);
    let unit = vector / 4 * LANES + lane;
    (unit < hidden).then_some(vector % 4 * hidden + unit)
}

fn spread(values: &[f32], len: usize, row: impl Fn(usize) -> Option<usize>) -> Buffer {
    let mut buffer = Buffer::zeros(len);
    for (c, to) in buffer.iter_mut().enumerate() {
        if let Some(r) = row(c) {
            *to = values[r];
        }
    }
    buffer
}

impl Packed {
    pub(super) fn new(
        level: Level,
        precision: Precision,
        shelf: &Arc<Shelf>,
        config: &Config,
        params: &[&[f32]],
    ) -> Result<Self, Error> {
        let specs = config.specs();
        if params.len() != specs.len() {
            return Err(Error::shape("params", format!("[{} parameters]", specs.len()), params.len()));
        }
        for (spec, values) in specs.iter().zip(params) {
            if values.len() != spec.len() {
                return Err(Error::shape(&spec.name, format!("{:?}", spec.shape), format!("{} values", values.len())));
            }
        }
        let mut rest = specs.iter().zip(params);
        let mut next = || rest.next().expect("as many parameters as specs");
        let matrix = |(spec, values): (&ParamSpec, &&[f32]),
                      depth,
                      vectors,
                      column: &(dyn Fn(usize) -> Option<usize> + Sync)| {
            precision.check(&spec.name, values)?;
            Ok(Matrix::transposed(level, precision, shelf, values, depth, vectors, column))
        };
        let mut directions = Vec::new();
        for layer in 0..config.layers() {
            for _ in 0..config.directions() {
                let (h, r, i) = (config.hidden_sizes[layer], config.state_size(layer), config.layer_input(layer));
                let units = h.div_ceil(LANES);
                let column = |c| gate_row(h, c);
                directions.push(Weights {
                    input: matrix(next(), i, 4 * units, &column)?,
                    recurrent: matrix(next(), r, 4 * units, &column)?,
                    bias: spread(next().1, 4 * units * LANES, column),
                    projection: match config.proj_size {
                        Some(p) => Some(matrix(next(), h, p.div_ceil(LANES), &|c| (c < p).then_some(c))?),
                        None => None,
                    },
                    peephole: config.cell.peephole.then(|| {
                        let width = units * LANES;
                        spread(next().1, 3 * width, |c| (c % width < h).then_some(c / width * h + c % width))
                    }),
                    gains: config.layer_norm.then(|| [(); 2].map(|()| spread(next().1, 4 * units * LANES, column))),
                    turned: Mutex::default(),
                });
            }
        }
        Ok(Packed { level, precision, config: config.clone(), directions })
    }

    /// In which numbers the matrices are kept.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The bytes that the parameters take, without what a backward pass adds.
    pub fn bytes(&self) -> usize {
        self.directions.iter().map(Weights::bytes).sum()
    }
}

impl Weights {
    fn bytes(&self) -> usize {
        let matrices = [&self.input, &self.recurrent].into_iter().chain(&self.projection);
        let vectors = [&self.bias].into_iter().chain(&self.peephole).chain(self.gains.iter().flatten());
        matrices.map(Matrix::bytes).sum::<usize>() + vectors.map(|values| size_of_val(&values[..])).sum::<usize>()
    }

    /// The transposes, kept from the last call unless another thread is at them.
    pub(super) fn turned(&self, level: Level) -> Arc<Turned> {
        let make = || {
            Arc::new(Turned {
                input: self.input.full().turned(level),
                recurrent: self.recurrent.full().turned(level),
                projection: self.projection.as_ref().map(|projection| projection.full().turned(level)),
            })
        };
        match self.turned.try_lock() {
            Ok(mut kept) => kept.get_or_insert_with(make).clone(),
            Err(_) => make(),
        }
    }

    /// The recurrent matrix with dropped connections.
    pub(super) fn dropped(&self, hidden: usize, mask: Mask) -> pack::Packed {
        self.recurrent.full().masked(mask, |c| gate_row(hidden, c))
    }
}
