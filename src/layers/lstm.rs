//! The LSTM as its users call it: arithmetic without parameters or state of its own. Shapes are checked here, once.

use super::config::{Config, ParamSpec};
use super::direction::{Asks, Geometry, Held, ParamGrads};
use super::recompute::{Call, Kept};
use super::rows::Rows;
use super::steps::check_lengths;
use super::stream::Stream;
use super::weights::Packed;
use crate::Error;
use crate::buffer::Shelf;
use crate::kernels::gemm::matrix::Precision;
use crate::kernels::mask::{Mask, Purpose};
use crate::rng::Key;
use crate::simd::{self, Level};
use crate::view::{Seq, SeqMut};
use std::sync::Arc;

/// Hidden and cell states: a block `[B, R]` (of `c`: `[B, H]`) for each layer and direction, one after another: layer 0
/// forward, layer 0 reverse, layer 1 forward and so on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The hidden states.
    pub h: Vec<f32>,
    /// The cell states.
    pub c: Vec<f32>,
}

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Outputs alone; nothing is kept and nothing drawn.
    Infer,
    /// Keeps what backward needs; nothing is drawn.
    Record,
    /// Keeps what backward needs, and draws the masks of this step of a run.
    Train {
        /// The run's seed.
        seed: u64,
        /// The step, different for each call.
        step: u64,
    },
}

/// What a recorded forward pass keeps for one backward pass.
#[derive(Debug)]
pub struct Cache {
    pub(super) config: Config,
    pub(super) level: Level,
    pub(super) shape: [usize; 3],
    pub(super) kept: Kept,
    pub(super) key: Option<Key>,
}

/// A stack of LSTM layers.
#[derive(Debug, Clone)]
pub struct Lstm {
    config: Config,
    level: Level,
    specs: Vec<ParamSpec>,
    pub(super) shelf: Arc<Shelf>,
}

impl Lstm {
    /// The layers of `config`, at the level of the process.
    pub fn new(config: Config) -> Result<Self, Error> {
        Lstm::at_level(config, simd::level()?)
    }

    /// The layers of `config`, at a given level.
    pub fn at_level(config: Config, level: Level) -> Result<Self, Error> {
        config.check()?;
        Ok(Lstm { specs: config.specs(), level: level.ensure()?, config, shelf: Shelf::new() })
    }

    /// The options.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The instruction set.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The parameters in the order in which [`Lstm::pack`] and [`Lstm::backward`] take them.
    pub fn specs(&self) -> &[ParamSpec] {
        &self.specs
    }

    /// Channels of the output.
    pub fn output_size(&self) -> usize {
        self.config.output_size(self.config.layers() - 1)
    }

    /// The lengths of `h` and `c` of a [`State`].
    pub fn state_sizes(&self, batch: usize) -> (usize, usize) {
        let each = |size: &dyn Fn(usize) -> usize| (0..self.config.layers()).map(size).sum::<usize>();
        let rows = self.config.directions() * batch;
        (rows * each(&|layer| self.config.state_size(layer)), rows * each(&|layer| self.config.hidden_sizes[layer]))
    }

    /// Packs parameters for any number of calls.
    pub fn pack(&self, params: &[&[f32]]) -> Result<Packed, Error> {
        self.pack_as(Precision::F32, params)
    }

    /// Packs parameters with matrices of narrower numbers, which are for streams of at most eight rows.
    pub fn pack_as(&self, precision: Precision, params: &[&[f32]]) -> Result<Packed, Error> {
        Packed::new(self.level, precision, &self.shelf, &self.config, params)
    }

    /// Runs the sequences `x`, `[B, T, C]`, through the layers and writes `y`, `[B, T, output_size]`; zeros behind the end of
    /// a sequence. Gives the final state, and the cache for [`Lstm::backward`] unless `pass` is [`Pass::Infer`].
    pub fn forward(
        &self,
        packed: &Packed,
        x: Seq<'_>,
        lengths: Option<&[usize]>,
        state: Option<&State>,
        y: SeqMut<'_>,
        pass: Pass,
    ) -> Result<(State, Option<Cache>), Error> {
        self.check_full(packed)?;
        let [batch, time, _] = x.shape();
        check_batch(batch)?;
        self.check_seq("x", x.shape(), [batch, time, self.config.input_size])?;
        self.check_seq("y", y.shape(), [batch, time, self.output_size()])?;
        if let Some(state) = state {
            self.check_state("state", state, batch)?;
        }
        let rows = Rows::new(&self.checked_lengths(lengths, batch, time)?);
        let key = match pass {
            Pass::Train { seed, step } => Some(Key::new(seed, step)),
            _ => None,
        };
        let record = pass != Pass::Infer;
        let (last, kept) = Call { lstm: self, packed, x, key }.forward(rows, state, &y, record);
        let (config, level, shape) = (self.config.clone(), self.level, x.shape());
        Ok((last, kept.map(|kept| Cache { config, level, shape, kept, key })))
    }

    /// The gradients for the gradients of outputs, `dy`, and final state. Those of the parameters are *added* to `grads`, in
    /// the order of [`Lstm::specs`], and that of the input to `dx`; those of the initial state are returned. `packed` and
    /// `x` are what forward was given. `dy` behind a sequence's end is ignored, and `dx` there left alone.
    #[allow(clippy::needless_pass_by_value)] // a cache is consumed: its gates become their gradients
    pub fn backward(
        &self,
        packed: &Packed,
        x: Seq<'_>,
        cache: Cache,
        dy: Option<Seq<'_>>,
        dstate: Option<&State>,
        grads: &mut [&mut [f32]],
        dx: Option<SeqMut<'_>>,
    ) -> Result<State, Error> {
        self.check_full(packed)?;
        if cache.config != self.config || cache.level != self.level {
            return Err(Error::option("cache", "from this LSTM's forward", "another's"));
        }
        let [batch, time, _] = cache.shape;
        self.check_seq("x", x.shape(), cache.shape)?;
        if let Some(dy) = &dy {
            self.check_seq("dy", dy.shape(), [batch, time, self.output_size()])?;
        }
        if let Some(dx) = &dx {
            self.check_seq("dx", dx.shape(), cache.shape)?;
        }
        if let Some(dstate) = dstate {
            self.check_state("dstate", dstate, batch)?;
        }
        if grads.len() != self.specs.len() {
            return Err(Error::shape("grads", format!("[{} parameters]", self.specs.len()), grads.len()));
        }
        for (spec, grad) in self.specs.iter().zip(grads.iter()) {
            if grad.len() != spec.len() {
                let got = format!("{} values", grad.len());
                return Err(Error::shape(format!("the gradient of {}", spec.name), format!("{:?}", spec.shape), got));
            }
        }
        let grads = self.param_grads(grads)?;
        let call = Call { lstm: self, packed, x, key: cache.key };
        Ok(call.backward(cache.kept, dy, dstate, &grads, dx.as_ref()))
    }

    /// A stream of single steps for `batch` sequences, with frozen parameters.
    pub fn stream(&self, packed: Arc<Packed>, batch: usize) -> Result<Stream, Error> {
        self.check_packed(&packed)?;
        check_batch(batch)?;
        packed.precision.check_rows(batch)?;
        Stream::new(self.clone(), packed, batch)
    }

    pub(super) fn geometry(&self, index: usize) -> Geometry {
        let layer = index / self.config.directions();
        Geometry {
            level: self.level,
            reverse: index % self.config.directions() == 1,
            hidden: self.config.hidden_sizes[layer],
            state: self.config.state_size(layer),
            projected: self.config.proj_size.is_some(),
        }
    }

    /// Layer by layer and direction by direction.
    pub(super) fn directions(&self) -> std::ops::Range<usize> {
        0..self.config.layers() * self.config.directions()
    }

    pub(super) fn mask(&self, key: Key, index: usize, purpose: Purpose) -> Mask {
        let (layer, direction) = (index / self.config.directions(), index % self.config.directions());
        let config = &self.config;
        match purpose {
            Purpose::Input => {
                let rate = if layer == 0 { config.input_dropout } else { config.dropout };
                Mask::dropout(key, layer, 0, purpose, rate) // both directions see the same input
            }
            Purpose::Recurrent => Mask::dropout(key, layer, direction, purpose, config.recurrent_dropout),
            Purpose::Weight => Mask::dropout(key, layer, direction, purpose, config.weight_drop),
            Purpose::ZoneoutH => Mask::zoneout(key, layer, direction, purpose, config.zoneout_h),
            Purpose::ZoneoutC => Mask::zoneout(key, layer, direction, purpose, config.zoneout_c),
            Purpose::Dropout => unreachable!("a mask of the layer of that name"),
        }
    }

    pub(super) fn held(&self, packed: &Packed, rows: &Rows, record: bool, key: Option<Key>) -> Vec<Held> {
        let asks = Asks {
            record,
            masked: key.is_some() && self.config.recurrent_dropout > 0.0,
            zoneout_c: self.config.zoneout_c > 0.0,
            normed: self.config.layer_norm,
        };
        self.directions()
            .map(|index| {
                let mut held = Held::new(&self.shelf, self.geometry(index), rows, asks);
                if let Some(key) = key.filter(|_| self.config.weight_drop > 0.0) {
                    let mask = self.mask(key, index, Purpose::Weight);
                    held.dropped = Some(packed.directions[index].dropped(self.geometry(index).hidden, mask));
                }
                held
            })
            .collect()
    }

    /// Puts the initial states, and the masks that stay for the whole call, into place.
    pub(super) fn begin(&self, rows: &Rows, held: &mut [Held], state: Option<&State>, key: Option<Key>) {
        let batch = rows.batch();
        let (mut h_from, mut c_from) = (0, 0);
        for (index, held) in held.iter_mut().enumerate() {
            let geometry = self.geometry(index);
            let (r, h) = (geometry.state, geometry.hidden);
            for slot in 0..batch {
                let row = rows.order[slot] as usize;
                // Whole rows, so that what lies behind the last unit is a number.
                let to_h = &mut held.h[slot * geometry.h_stride()..][..geometry.h_stride()];
                let to_c = &mut held.c[slot * geometry.c_stride()..][..geometry.c_stride()];
                to_h.fill(0.0);
                to_c.fill(0.0);
                if let Some(state) = state {
                    to_h[..r].copy_from_slice(&state.h[h_from + row * r..][..r]);
                    to_c[..h].copy_from_slice(&state.c[c_from + row * h..][..h]);
                }
                if let (Some(key), Some(mask), Some(operand)) = (key, &mut held.operand_mask, &mut held.operand) {
                    let drawn = self.mask(key, index, Purpose::Recurrent);
                    let at = slot * geometry.h_stride()..(slot + 1) * geometry.h_stride();
                    for (vector, to) in mask[at.clone()].chunks_mut(simd::LANES).enumerate() {
                        to.copy_from_slice(&drawn.values(0, row, vector));
                    }
                    for ((to, &h), &mask) in operand[at.clone()].iter_mut().zip(&held.h[at.clone()]).zip(&mask[at]) {
                        *to = h * mask;
                    }
                }
            }
            h_from += batch * r;
            c_from += batch * h;
        }
    }

    /// The final states.
    pub(super) fn end(&self, rows: &Rows, held: &[Held], record: bool) -> State {
        let batch = rows.batch();
        let (h_len, c_len) = self.state_sizes(batch);
        let mut state = State { h: vec![0.0; h_len], c: vec![0.0; c_len] };
        let (mut h_to, mut c_to) = (0, 0);
        for (index, held) in held.iter().enumerate() {
            let geometry = self.geometry(index);
            let (r, h) = (geometry.state, geometry.hidden);
            for slot in 0..batch {
                let row = rows.order[slot] as usize;
                let last = rows.state(rows.lengths[slot]) + slot;
                let c_last = if record { last } else { slot };
                state.h[h_to + row * r..][..r].copy_from_slice(&held.h[last * geometry.h_stride()..][..r]);
                state.c[c_to + row * h..][..h].copy_from_slice(&held.c[c_last * geometry.c_stride()..][..h]);
            }
            h_to += batch * r;
            c_to += batch * h;
        }
        state
    }

    fn param_grads<'a>(&self, grads: &'a mut [&mut [f32]]) -> Result<Vec<ParamGrads<'a>>, Error> {
        let mut rest = grads.iter_mut().zip(&self.specs);
        let config = &self.config;
        let mut all = Vec::new();
        for index in self.directions() {
            let hidden = self.geometry(index).hidden;
            let mut next = |shape: Option<[usize; 3]>| {
                let (grad, spec) = rest.next().expect("as many gradients as parameters");
                SeqMut::new(grad, shape.unwrap_or([1, spec.shape[0], spec.shape[spec.shape.len() - 1]]))
            };
            all.push(ParamGrads {
                input: next(None)?,
                recurrent: next(None)?,
                bias: next(Some([1, 4, hidden]))?,
                projection: config.proj_size.map(|_| next(None)).transpose()?,
                peephole: config.cell.peephole.then(|| next(None)).transpose()?,
                gains: match config.layer_norm {
                    true => Some([next(Some([1, 4, hidden]))?, next(Some([1, 4, hidden]))?]),
                    false => None,
                },
            });
        }
        Ok(all)
    }

    fn check_packed(&self, packed: &Packed) -> Result<(), Error> {
        if packed.config == self.config && packed.level == self.level {
            Ok(())
        } else {
            Err(Error::option("packed", "packed by this LSTM", "another's parameters"))
        }
    }

    pub(super) fn check_full(&self, packed: &Packed) -> Result<(), Error> {
        match packed.precision {
            Precision::F32 => self.check_packed(packed),
            other => {
                Err(Error::option("packed", "with weights of f32, as narrower ones are for streams", other.name()))
            }
        }
    }

    fn check_seq(&self, name: &str, got: [usize; 3], expected: [usize; 3]) -> Result<(), Error> {
        if got == expected {
            Ok(())
        } else {
            let [b, t, c] = expected;
            Err(Error::shape(name, format!("[B={b}, T={t}, C={c}]"), format!("{got:?}")))
        }
    }

    pub(super) fn check_state(&self, name: &str, state: &State, batch: usize) -> Result<(), Error> {
        let (h, c) = self.state_sizes(batch);
        for (part, need, got) in [("h", h, state.h.len()), ("c", c, state.c.len())] {
            if need != got {
                let width = if part == "h" { "R" } else { "H" };
                let shape = format!("[L*D, B={batch}, {width}], {need} values in all");
                return Err(Error::shape(format!("{name}.{part}"), shape, format!("{got} values")));
            }
        }
        Ok(())
    }

    fn checked_lengths(&self, lengths: Option<&[usize]>, batch: usize, time: usize) -> Result<Vec<usize>, Error> {
        let Some(lengths) = lengths else { return Ok(vec![time; batch]) };
        check_lengths(lengths, batch, time)?;
        Ok(lengths.to_vec())
    }
}

/// Rows are counted in 32 bits; without steps or channels the caller's data does not bound them.
fn check_batch(batch: usize) -> Result<(), Error> {
    match u32::try_from(batch) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::option("batch_size", format!("at most {}", u32::MAX), batch)),
    }
}
