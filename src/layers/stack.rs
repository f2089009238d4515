//! The walk of a team of workers through the layers, upwards in forward and downwards in backward.
//!
//! The pool is entered once for a whole call. Whoever finishes a layer first waits for the others, because the next layer
//! may read what any of them wrote. Where a layer has too little work for several, each has a worker of its own in forward,
//! who follows that of the layer below as fast as its steps are done.

use super::direction::{Forward, Frame, Gradients, Held, Member, ParamGrads, Relay, Split};
use super::inlet::{Inlet, Outputs, Source};
use super::lstm::Lstm;
use super::rows::Rows;
use super::upward::Upward;
use super::weights::Packed;
use crate::buffer::Buffer;
use crate::kernels::cell::Zoneout;
use crate::kernels::mask::Purpose;
use crate::rng::Key;
use crate::simd::{LANES, dispatch};
use crate::threads::{self, Barrier, Progress, Worker};
use crate::view::{Seq, SeqMut};

/// Multiply-adds of one step and worker below which waiting for each other after every step does not pay.
const WORK_PER_STEP: usize = 16_000;
/// Floats of recurrent weights up to which every worker may as well read them all, for rows of its own: 1 MB, those of 256
/// units, come fast enough from a third-level cache; 4 MB are better kept by halves in two second-level caches. Whoever
/// has rows of its own waits for nobody, which counts for much where another process takes a core.
const NEAR_WEIGHTS: usize = 288 * 1024;
/// Rows that a worker needs for the products to run at full speed.
const FULL_ROWS: usize = 4;
/// Steps from which layers may follow one another on workers of their own.
const RELAY_STEPS: usize = 16;

/// One call's surroundings.
pub(super) struct Stack<'a> {
    pub lstm: &'a Lstm,
    pub packed: &'a Packed,
    pub rows: &'a Rows,
    pub held: &'a [Held],
    pub record: bool,
    pub key: Option<Key>,
    /// Workers had better have rows of their own, see [`threads::crowded`].
    pub crowded: bool,
}

impl<'a> Stack<'a> {
    fn frame(&self, index: usize) -> Frame<'a> {
        let config = self.lstm.config();
        let (packed, rows, lstm) = (self.packed, self.rows, self.lstm);
        let zoneout = |rate: f32, purpose: Purpose| {
            (rate > 0.0).then(|| match self.key {
                Some(key) => Zoneout::Drawn(lstm.mask(key, index, purpose), &rows.order, rows.begin),
                None => Zoneout::Mean(rate),
            })
        };
        Frame {
            geometry: lstm.geometry(index),
            cell: &lstm.config().cell,
            rows,
            weights: &packed.directions[index],
            held: &self.held[index],
            record: self.record,
            zoneout_h: zoneout(config.zoneout_h, Purpose::ZoneoutH),
            zoneout_c: zoneout(config.zoneout_c, Purpose::ZoneoutC),
        }
    }

    fn outputs(&self, layer: usize, upward: Option<&'a Upward>) -> Outputs<'a> {
        let config = self.lstm.config();
        let d = config.directions();
        let each = |direction: usize| (direction < d).then_some(layer * d + direction);
        Outputs {
            rows: self.rows,
            merge: config.merge,
            width: config.state_size(layer),
            h: [0, 1].map(|direction| each(direction).map(|index| self.frame(index).h())),
            dh: [0, 1].map(|direction| {
                let (upward, index) = (upward?, each(direction)?);
                // SAFETY: the workers share the slots, or meet.
                Some(unsafe { upward.dy(index, &self.frame(index)) })
            }),
        }
    }

    fn inlet(&self, layer: usize, source: Source<'a>, upward: Option<&'a Upward>) -> Inlet<'a> {
        let config = self.lstm.config();
        let rate = if layer == 0 { config.input_dropout } else { config.dropout };
        let index = layer * config.directions();
        Inlet {
            source: if layer == 0 { source } else { Source::Below(self.outputs(layer - 1, upward)) },
            rows: self.rows,
            channels: config.layer_input(layer),
            mask: self.key.filter(|_| rate > 0.0).map(|key| self.lstm.mask(key, index, Purpose::Input)),
            locked: config.locked_dropout,
        }
    }

    /// Multiply-adds of a layer's direction for one row.
    fn work(&self, layer: usize) -> usize {
        let config = self.lstm.config();
        4 * config.hidden_sizes[layer] * (config.layer_input(layer) + config.state_size(layer))
    }

    /// Multiply-adds of the call.
    fn all_work(&self) -> usize {
        let config = self.lstm.config();
        let each: usize = (0..config.layers()).map(|layer| self.work(layer) * config.directions()).sum();
        each.saturating_mul(self.rows.total())
    }

    /// This worker's place in the recurrence of a layer, and the directions that its part of the team runs.
    fn member<'w>(&self, layer: usize, worker: &'w Worker<'w>, meetings: &'w [Barrier; 2]) -> (Member<'w>, [bool; 2]) {
        let config = self.lstm.config();
        let (id, count) = (worker.id(), worker.count());
        let rows = self.rows.active.first().copied().unwrap_or(0);
        let few = rows < FULL_ROWS * count;
        let apart = config.bidirectional && few && count > 1;
        let (id, count, directions, meeting) = if apart {
            let direction = id % 2;
            let mut mine = [false; 2];
            mine[direction] = true;
            (id / 2, (count + 1 - direction) / 2, mine, Some(&meetings[direction]))
        } else {
            (id, count, [true, config.bidirectional], None)
        };
        (Member { worker, id, count, meeting, split: self.split(layer, count) }, directions)
    }

    /// How so many workers share a direction of a layer.
    fn split(&self, layer: usize, count: usize) -> Split {
        let config = self.lstm.config();
        let (rows, hidden) = (self.rows.active.first().copied().unwrap_or(0), config.hidden_sizes[layer]);
        let weights = 4 * hidden * config.state_size(layer);
        let few = rows < FULL_ROWS * count;
        let far = weights > NEAR_WEIGHTS && !self.crowded;
        let enough = hidden >= LANES * count && rows * weights / count >= WORK_PER_STEP;
        // Normalised gates need whole rows.
        if (few || far) && enough && !config.layer_norm && count > 1 { Split::Units } else { Split::Rows }
    }

    /// Whether each layer had better be a single worker's, who follows that of the layer below: with too few rows for as
    /// many workers in a layer, and too little work in a step for them to share its units.
    fn relayed(&self, count: usize) -> bool {
        let (config, rows) = (self.lstm.config(), self.rows.active.first().copied().unwrap_or(0));
        let layers = config.layers();
        self.rows.steps() >= RELAY_STEPS
            && !config.bidirectional
            && layers.min(count) > rows.div_ceil(FULL_ROWS)
            && (0..layers).all(|layer| self.split(layer, count) == Split::Rows)
    }

    /// Floats of scratch for a forward pass.
    pub fn scratch(&self) -> usize {
        threads::worth_at_most(self.all_work()) * self.scratch_each()
    }

    fn scratch_each(&self) -> usize {
        let d = self.lstm.config().directions();
        let need = |index| Forward::scratch(&self.frame(index), self.lstm.config().layer_input(index / d));
        self.lstm.directions().map(need).max().unwrap_or(0).next_multiple_of(LANES)
    }

    /// Runs `x` through all layers and writes `y`, from the first step on and up to a time; zeros behind a sequence's end.
    pub fn forward(&self, x: Source<'a>, y: Option<(&SeqMut<'_>, usize)>, scratch: &mut Buffer) {
        let (each, d, level) = (self.scratch_each(), self.lstm.config().directions(), self.lstm.level());
        // Another thread may have raised the number of threads since the scratch was measured.
        let room = scratch.len().checked_div(each).unwrap_or(1);
        let workers = threads::worth(self.all_work()).min(room);
        let shape = [1, workers, each];
        let scratch = SeqMut::new(&mut scratch[..shape[1] * shape[2]], shape).expect("the scratch was made for this");
        let meetings = [Barrier::new(), Barrier::new()];
        let last = self.lstm.config().layers() - 1;
        let top = self.outputs(last, None);
        let done: Vec<Progress> = match self.relayed(workers) {
            true => (0..=last).map(|_| Progress::new()).collect(),
            false => Vec::new(), // streams allocate nothing
        };
        threads::run(workers, |worker| {
            let run = |layer: usize, (member, mine): (Member<'_>, [bool; 2]), relay: Option<Relay<'_>>| {
                let inlet = self.inlet(layer, x, None);
                for direction in (0..d).filter(|&direction| mine[direction]) {
                    let frame = self.frame(layer * d + direction);
                    let outlet = y.filter(|_| layer == last).and_then(|(y, _)| top.outlet(direction, y));
                    dispatch(level, Forward { frame, inlet, outlet, member, relay, scratch: &scratch });
                }
            };
            if !done.is_empty() && self.relayed(worker.count()) {
                for layer in (worker.id()..=last).step_by(worker.count()) {
                    let relay = Relay { below: layer.checked_sub(1).map(|below| &done[below]), here: &done[layer] };
                    run(layer, (Member::lone(worker), [true, false]), Some(relay));
                }
                worker.follow(&done[last], self.rows.steps());
            } else {
                for layer in 0..=last {
                    let (member, mine) = self.member(layer, worker, &meetings);
                    run(layer, (member, mine), None);
                    if !member.has_met() {
                        worker.barrier();
                    }
                }
            }
            let Some((y, until)) = y else { return };
            let handed_over = top.outlet(0, y).is_some();
            for slot in self.rows.share(worker.id(), worker.count()) {
                let (row, times) = (self.rows.order[slot] as usize, self.rows.times(slot));
                let missing = if handed_over { times.end } else { times.start };
                for t in missing..until {
                    // SAFETY: slots are shared out, and so are the rows of `y`; all layers are done.
                    unsafe {
                        let to = y.row(row, t);
                        if t < times.end { top.read(slot, t, to) } else { to.fill(0.0) }
                    }
                }
            }
        });
    }

    /// Runs the gradients down through all layers; see [`Lstm::backward`](super::Lstm::backward).
    pub fn backward(&self, x: Source<'a>, dy: Option<Seq<'_>>, upward: &'a Upward, grads: &[ParamGrads<'_>]) {
        let config = self.lstm.config();
        let (workers, d, level, shelf) =
            (threads::worth(self.all_work()), config.directions(), self.lstm.level(), &self.lstm.shelf);
        let all = || self.lstm.directions().map(|index| (self.frame(index), config.layer_input(index / d)));
        let each = all().map(|(frame, channels)| Gradients::scratch(&frame, channels)).max().unwrap_or(0);
        let shared_len = all().map(|(frame, channels)| Gradients::shared(&frame, channels)).max().unwrap_or(0);
        let (mut scratch, mut shared) = (shelf.take(workers * each), shelf.take(shared_len));
        let scratch = SeqMut::new(&mut scratch, [1, workers, each]).expect("made for this");
        let shared = SeqMut::new(&mut shared, [1, 1, shared_len]).expect("made for this");
        let meetings = [Barrier::new(), Barrier::new()];
        threads::run(workers, |worker| {
            let top = self.outputs(config.layers() - 1, Some(upward));
            if let Some(dy) = dy {
                for slot in self.rows.share(worker.id(), worker.count()) {
                    for t in self.rows.times(slot) {
                        // SAFETY: slots are shared out.
                        unsafe { top.add_gradient(slot, t, dy.row(self.rows.order[slot] as usize, t)) };
                    }
                }
            }
            worker.barrier();
            for layer in (0..config.layers()).rev() {
                let inlet = self.inlet(layer, x, Some(upward));
                let (member, mine) = self.member(layer, worker, &meetings);
                for direction in (0..d).filter(|&direction| mine[direction]) {
                    let index = layer * d + direction;
                    dispatch(level, upward.recurrence(index, self.frame(index), member));
                }
                worker.barrier();
                let whole =
                    Member { worker, id: worker.id(), count: worker.count(), meeting: None, split: Split::Rows };
                for direction in 0..d {
                    let index = layer * d + direction;
                    let frame = self.frame(index);
                    let (descent, key) = (&upward.directions[index], self.key);
                    let (projected, sums) = descent.panels(&frame);
                    let mask = |(sums, key)| (self.lstm.mask(key, index, Purpose::Weight), sums);
                    dispatch(
                        level,
                        Gradients {
                            frame,
                            inlet,
                            member: whole,
                            turned: &descent.turned,
                            projected,
                            sums,
                            dropped: descent.unmasked(&frame).zip(key).map(mask),
                            grads: &grads[index],
                            shared: &shared,
                            scratch: &scratch,
                        },
                    );
                    worker.barrier();
                }
            }
        });
    }
}
