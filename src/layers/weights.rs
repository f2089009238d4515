//! Parameters packed as the kernels read them, made once for each version of the parameters.

use super::config::Config;
use crate::Error;
use crate::buffer::Buffer;
use crate::kernels::gemm::pack;
use crate::kernels::mask::Mask;
use crate::simd::{LANES, Level};
use std::sync::{Arc, Mutex};

/// All parameters of a stack, packed.
#[derive(Debug)]
pub struct Packed {
    pub(super) level: Level,
    pub(super) config: Config,
    pub(super) directions: Vec<Weights>,
}

/// One layer's parameters in one direction. Columns of the gates are in vectors of sixteen units, `4 vector + gate`.
#[derive(Debug)]
pub(super) struct Weights {
    pub input: pack::Packed,
    pub recurrent: pack::Packed,
    pub bias: Buffer,
    pub projection: Option<pack::Packed>,
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
    pub(super) fn new(level: Level, config: &Config, params: &[&[f32]]) -> Result<Self, Error> {
        let specs = config.specs();
        if params.len() != specs.len() {
            return Err(Error::shape("params", format!("[{} parameters]", specs.len()), params.len()));
        }
        for (spec, values) in specs.iter().zip(params) {
            if values.len() != spec.len() {
                return Err(Error::shape(&spec.name, format!("{:?}", spec.shape), format!("{} values", values.len())));
            }
        }
        let mut rest = params.iter().copied();
        let mut next = || rest.next().expect("as many parameters as specs");
        let mut directions = Vec::new();
        for layer in 0..config.layers() {
            for _ in 0..config.directions() {
                let (h, r, i) = (config.hidden_sizes[layer], config.state_size(layer), config.layer_input(layer));
                let units = h.div_ceil(LANES);
                let column = |c| gate_row(h, c);
                directions.push(Weights {
                    input: pack::Packed::transposed(level, next(), i, 4 * units, column),
                    recurrent: pack::Packed::transposed(level, next(), r, 4 * units, column),
                    bias: spread(next(), 4 * units * LANES, column),
                    projection: config.proj_size.map(|p| {
                        pack::Packed::transposed(level, next(), h, p.div_ceil(LANES), |c| (c < p).then_some(c))
                    }),
                    peephole: config.cell.peephole.then(|| {
                        let width = units * LANES;
                        spread(next(), 3 * width, |c| (c % width < h).then_some(c / width * h + c % width))
                    }),
                    gains: config.layer_norm.then(|| [(); 2].map(|()| spread(next(), 4 * units * LANES, column))),
                    turned: Mutex::default(),
                });
            }
        }
        Ok(Packed { level, config: config.clone(), directions })
    }
}

impl Weights {
    /// The transposes, kept from the last call unless another thread is at them.
    pub(super) fn turned(&self, level: Level) -> Arc<Turned> {
        let make = || {
            Arc::new(Turned {
                input: self.input.turned(level),
                recurrent: self.recurrent.turned(level),
                projection: self.projection.as_ref().map(|projection| projection.turned(level)),
            })
        };
        match self.turned.try_lock() {
            Ok(mut kept) => kept.get_or_insert_with(make).clone(),
            Err(_) => make(),
        }
    }

    /// The recurrent matrix with dropped connections.
    pub(super) fn dropped(&self, hidden: usize, mask: Mask) -> pack::Packed {
        self.recurrent.masked(mask, |c| gate_row(hidden, c))
    }
}
