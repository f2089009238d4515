//! One step over all parameters at once, or none at all.
//!
//! ```text
//! compute every new value and state, look whether all are finite, keep nothing
//! if they are: compute again, and write
//! ```
//!
//! What is not finite in a value, a gradient or a state, and what would overflow, shows in a new value or state. The first
//! pass thus finds everything that a scan of the inputs would and the overflow beside; it costs little more, since both
//! passes wait for memory and the second finds small models in the cache.

use super::rule::{Count, Group, Rule, Update};
use super::walk::share;
use super::{adadelta, adagrad, adam, asgd, average, rmsprop, sgd};
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads;
use crate::view::SeqMut;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// A parameter with its gradient and its state.
#[derive(Debug)]
pub struct Slot<'a> {
    /// The options.
    pub group: Group,
    /// What the step moves.
    pub value: &'a mut [f32],
    /// The gradient, of the same length.
    pub grad: &'a [f32],
    /// [`Rule::states`] arrays of the same length, one after another; zeros before the first step.
    pub state: &'a mut [f32],
    /// How far the parameter has come.
    pub count: Count,
}

/// Why a step was not taken: a number that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The slot.
    pub slot: usize,
    /// Where in it.
    pub kind: Kind,
}

/// What was not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The gradient.
    Gradient,
    /// The value.
    Parameter,
    /// The state.
    State,
    /// The result: all that went in was finite, but the step would overflow.
    Step,
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Gradient => "gradient",
            Kind::Parameter => "parameter",
            Kind::State => "state",
            Kind::Step => "step",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} of slot {} is not finite; nothing was changed", self.kind.name(), self.slot)
    }
}

impl std::error::Error for Fault {}

/// Multiply-adds that a number costs, divisions and roots counted as what they take.
const COST: usize = 16;

/// Takes one step of every slot and counts it, unless a number is not finite: then nothing is touched.
///
/// # Panics
/// When a gradient or a state has not the length that belongs to its value.
pub fn step(level: Level, slots: &mut [Slot<'_>]) -> Result<(), Fault> {
    for (at, slot) in slots.iter().enumerate() {
        assert_eq!(slot.grad.len(), slot.value.len(), "the gradient of slot {at}");
        assert_eq!(slot.state.len(), slot.group.rule.states() * slot.value.len(), "the state of slot {at}");
    }
    let mut shared: Vec<Shared<'_>> = Vec::with_capacity(slots.len());
    for slot in slots.iter_mut() {
        // Parameters of a group have come equally far, as a rule, and then share the plan too.
        let plan =
            shared.last().map(|last| last.plan).filter(|plan| (plan.group, plan.count) == (slot.group, slot.count));
        let plan = plan.unwrap_or_else(|| Plan::new(slot.group, slot.count));
        shared.push(Shared::new(slot, plan));
    }
    let lens = shared.iter().map(|slot| slot.grad.len());
    let spoilt = AtomicBool::new(false);
    threads::run(threads::worth(COST * lens.clone().sum::<usize>()), |worker| {
        share(worker, lens.clone(), |_, slot, range| {
            // SAFETY: `share` gives each range to one worker.
            if !unsafe { shared[slot].pass(level, range, false) } {
                spoilt.store(true, Relaxed);
            }
        });
        worker.barrier(); // it also publishes what the others found
        if !spoilt.load(Relaxed) {
            share(worker, lens.clone(), |_, slot, range| {
                // SAFETY: as above.
                unsafe { shared[slot].pass(level, range, true) };
            });
        }
    });
    if spoilt.into_inner() {
        // SAFETY: the workers have left, and there is one range at a time.
        let overflows = shared.iter().position(|slot| !unsafe { slot.pass(level, 0..slot.grad.len(), false) });
        return Err(fault(slots, overflows.unwrap_or(0)));
    }
    let next: Vec<Count> = shared.iter().map(|slot| slot.plan.next).collect();
    for (slot, next) in slots.iter_mut().zip(next) {
        slot.count = next;
    }
    Ok(())
}

/// The first gradient, else value, else state that is not finite; else it is the step itself.
fn fault(slots: &[Slot<'_>], overflows: usize) -> Fault {
    for kind in [Kind::Gradient, Kind::Parameter, Kind::State] {
        for (at, slot) in slots.iter().enumerate() {
            let numbers: &[f32] = match kind {
                Kind::Gradient => slot.grad,
                Kind::Parameter => slot.value,
                _ => slot.state,
            };
            if numbers.iter().any(|x| !x.is_finite()) {
                return Fault { slot: at, kind };
            }
        }
    }
    Fault { slot: overflows, kind: Kind::Step }
}

/// A slot as the workers share it.
struct Shared<'a> {
    value: SeqMut<'a>,
    grad: &'a [f32],
    state: SeqMut<'a>,
    plan: Plan,
}

/// The single numbers of a step.
#[derive(Clone, Copy)]
struct Plan {
    group: Group,
    count: Count,
    next: Count,
    decay: Decay,
    prepared: Prepared,
}

/// Weight decay: the part of the value that is added to the gradient, and the part that is taken off the value.
#[derive(Clone, Copy)]
struct Decay {
    coupled: f32,
    decoupled: f32,
}

/// A rule, ready for this step.
#[derive(Clone, Copy)]
enum Prepared {
    Sgd(sgd::Step),
    RmsProp(rmsprop::Step),
    Adagrad(adagrad::Step),
    Adadelta(adadelta::Step),
    /// `NAdam` too.
    Adam(adam::Step),
    Asgd(asgd::Step),
    Average(average::Step),
}

impl Plan {
    fn new(group: Group, count: Count) -> Self {
        let mut next = Count { steps: count.steps + 1, ..count };
        let prepared = match group.rule {
            Rule::Sgd(sgd) => Prepared::Sgd(sgd.prepare(&group, count)),
            Rule::RmsProp(rmsprop) => Prepared::RmsProp(rmsprop.prepare(&group)),
            Rule::Adagrad(adagrad) => Prepared::Adagrad(adagrad.prepare(&group, count)),
            Rule::Adadelta(adadelta) => Prepared::Adadelta(adadelta.prepare(&group)),
            Rule::Adam(adam) => Prepared::Adam(adam.prepare(&group, count)),
            Rule::Nadam(nadam) => {
                let (step, product) = nadam.prepare(&group, count);
                next.product = product;
                Prepared::Adam(step)
            }
            Rule::Asgd(asgd) => Prepared::Asgd(asgd.prepare(&group, count)),
            Rule::Average(average) => Prepared::Average(average.prepare()),
        };
        let decay = if group.decoupled {
            Decay { coupled: 0.0, decoupled: (group.lr * group.weight_decay) as f32 }
        } else {
            Decay { coupled: group.weight_decay as f32, decoupled: 0.0 }
        };
        Plan { group, count, next, decay, prepared }
    }
}

impl<'a> Shared<'a> {
    fn new<'b: 'a>(slot: &'a mut Slot<'b>, plan: Plan) -> Self {
        let (states, len) = (plan.group.rule.states(), slot.value.len());
        let value = SeqMut::new(slot.value, [1, 1, len]).expect("one row of all");
        let state = SeqMut::new(slot.state, [1, states, len]).expect("checked by step");
        Shared { value, grad: slot.grad, state, plan }
    }

    /// Computes the new values and states of a range, and writes them or says whether they are all finite.
    ///
    /// # Safety
    /// No two workers have the same numbers at once.
    unsafe fn pass(&self, level: Level, range: Range<usize>, write: bool) -> bool {
        macro_rules! pass {
            ($update:expr, $n:literal) => {{
                let (begin, len) = (range.start, range.len());
                // SAFETY: the caller keeps ranges apart, and the states are different rows.
                let (value, state) = unsafe {
                    let state: [&mut [f32]; $n] = std::array::from_fn(|i| self.state.part(i, begin, len));
                    (self.value.part(0, begin, len), state)
                };
                let grad = &self.grad[range];
                dispatch(level, Pass { update: $update, decay: self.plan.decay, value, grad, state, write })
            }};
        }
        match (self.plan.prepared, self.state.shape()[1]) {
            (Prepared::Sgd(update), 0) => pass!(update, 0),
            (Prepared::Sgd(update), _) => pass!(update, 1),
            (Prepared::RmsProp(update), 1) => pass!(update, 1),
            (Prepared::RmsProp(update), 2) => pass!(update, 2),
            (Prepared::RmsProp(update), _) => pass!(update, 3),
            (Prepared::Adagrad(update), _) => pass!(update, 1),
            (Prepared::Adadelta(update), _) => pass!(update, 2),
            (Prepared::Adam(update), 2) => pass!(update, 2),
            (Prepared::Adam(update), _) => pass!(update, 3),
            (Prepared::Asgd(update), _) => pass!(update, 1),
            (Prepared::Average(update), _) => pass!(update, 0),
        }
    }
}

/// A rule over a range of numbers.
struct Pass<'a, U, const N: usize> {
    update: U,
    decay: Decay,
    value: &'a mut [f32],
    grad: &'a [f32],
    state: [&'a mut [f32]; N],
    write: bool,
}

impl<U: Update<N>, const N: usize> Kernel for Pass<'_, U, N> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> bool {
        let mut flags = s.splat(0.0);
        let mut at = 0;
        while at < self.grad.len() {
            let old = s.load_slice(&self.value[at..]);
            let grad = s.fma(s.splat(self.decay.coupled), old, s.load_slice(&self.grad[at..]));
            let value = s.fnma(s.splat(self.decay.decoupled), old, old);
            let mut state = [s.splat(0.0); N];
            for (state, kept) in state.iter_mut().zip(&self.state) {
                *state = s.load_slice(&kept[at..]);
            }
            let (value, mut state) = self.update.update(s, value, grad, state);
            for state in &mut state {
                *state = flush(s, *state);
            }
            if self.write {
                s.store_slice(&mut self.value[at..], value);
                for (state, kept) in state.iter().zip(&mut self.state) {
                    s.store_slice(&mut kept[at..], *state);
                }
            } else {
                let left = self.grad.len() - at;
                flags = flag(s, flags, value, left);
                for state in &state {
                    flags = flag(s, flags, *state, left);
                }
            }
            at += LANES;
        }
        !s.sum(flags).is_nan()
    }
}

/// A state that decays would end among the denormals, where some CPUs are twenty times slower.
#[inline(always)]
fn flush<S: Simd>(s: S, v: S::V) -> S::V {
    s.select_lt(s.abs(v), s.splat(f32::MIN_POSITIVE), s.splat(0.0), v)
}

/// NaN in the flags if one of the first `left` lanes is not finite: x - x is 0 where x is.
#[inline(always)]
fn flag<S: Simd>(s: S, flags: S::V, v: S::V, left: usize) -> S::V {
    // What lies behind the end is made up, and may well be 0 / 0.
    let v = if left < LANES { s.load_slice(&s.to_array(v)[..left]) } else { v };
    s.add(flags, s.sub(v, v))
}
