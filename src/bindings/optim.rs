//! Optimizers, for Python. Groups come as the dictionaries that the Python side shows its users.

use super::array::{Input, Output};
use super::errors::{guard, raise};
use super::gil::released;
use crate::Error;
use crate::optim::{self, Adadelta, Adagrad, Adam, Asgd, Average, Count, Fault, Group, Nadam, RmsProp, Rule, Sgd};
use crate::simd::level;
use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What an update of one number costs, in multiply-adds.
const PER_NUMBER: usize = 64;

/// What Python is told of a fault: the place in the list, and the word for what was not finite.
type Told = Option<(usize, &'static str)>;
/// A parameter: group, name, steps, product of momenta, value, gradient, state.
type Given<'py> = (usize, Bound<'py, PyAny>, u64, f64, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// An option of a group.
macro_rules! option {
    ($group:expr, $name:literal) => {
        match $group.get_item(intern!($group.py(), $name))? {
            Some(value) => value.extract()?,
            None => return Err(PyKeyError::new_err(concat!("the parameter group lacks ", $name))),
        }
    };
}

fn group_of(rule: &str, given: &Bound<'_, PyDict>) -> PyResult<Group> {
    let rule = match rule {
        "sgd" => Rule::Sgd(Sgd {
            momentum: option!(given, "momentum"),
            dampening: option!(given, "dampening"),
            nesterov: option!(given, "nesterov"),
        }),
        "rmsprop" => Rule::RmsProp(RmsProp {
            alpha: option!(given, "alpha"),
            eps: option!(given, "eps"),
            centered: option!(given, "centered"),
            momentum: option!(given, "momentum"),
        }),
        "adagrad" => Rule::Adagrad(Adagrad { lr_decay: option!(given, "lr_decay"), eps: option!(given, "eps") }),
        "adadelta" => Rule::Adadelta(Adadelta { rho: option!(given, "rho"), eps: option!(given, "eps") }),
        "adam" => Rule::Adam(Adam {
            betas: option!(given, "betas"),
            eps: option!(given, "eps"),
            amsgrad: option!(given, "amsgrad"),
        }),
        "nadam" => Rule::Nadam(Nadam {
            betas: option!(given, "betas"),
            eps: option!(given, "eps"),
            momentum_decay: option!(given, "momentum_decay"),
        }),
        "asgd" => Rule::Asgd(Asgd {
            lambd: option!(given, "lambd"),
            alpha: option!(given, "alpha"),
            t0: option!(given, "t0"),
        }),
        _ => return Err(raise(Error::option("rule", "the name of a rule", rule))),
    };
    Ok(Group {
        rule,
        lr: option!(given, "lr"),
        weight_decay: option!(given, "weight_decay"),
        decoupled: option!(given, "decoupled"),
    })
}

/// One step of all `slots`, or of none: then the second result says which one and what of it was not finite.
///
/// A slot is (group, name, steps, product, value, gradient, state [states, ...]); the first result has the new products.
#[pyfunction]
#[pyo3(signature = (rule, groups, slots, /))]
pub fn optimizer_step(
    py: Python<'_>,
    rule: &str,
    groups: Vec<Bound<'_, PyDict>>,
    slots: Vec<Given<'_>>,
) -> PyResult<(Vec<f64>, Told)> {
    guard(|| {
        let level = level().map_err(raise)?;
        let groups = groups.iter().map(|group| group_of(rule, group)).collect::<PyResult<Vec<_>>>()?;
        let mut arrays = Vec::with_capacity(slots.len());
        for (group, name, steps, product, value, grad, state) in &slots {
            let group = groups[*group];
            let value = named(|| name.to_string(), |name| Output::any_shape(name, value))?;
            let grad = named(|| format!("the gradient of {name}"), |name| Input::any_shape(name, grad))?;
            let state = named(|| format!("the state of {name}"), |name| Output::any_shape(name, state))?;
            let (shape, states) = (value.shape(), group.rule.states());
            if grad.shape() != shape {
                let label = format!("the gradient of {name}");
                return Err(raise(Error::shape(label, format!("{shape:?}"), format!("{:?}", grad.shape()))));
            }
            if state.shape().split_first() != Some((&states, shape)) {
                let expected = format!("[{states}] and {shape:?}");
                return Err(raise(Error::shape(
                    format!("the state of {name}"),
                    expected,
                    format!("{:?}", state.shape()),
                )));
            }
            arrays.push((group, Count { steps: *steps, product: *product }, value, grad, state));
        }
        let mut work = 0;
        let mut slots: Vec<optim::Slot<'_>> = Vec::with_capacity(arrays.len());
        for (group, count, value, grad, state) in &mut arrays {
            let (group, count, grad) = (*group, *count, grad.slice());
            work += grad.len();
            slots.push(optim::Slot { group, value: value.slice(), grad, state: state.slice(), count });
        }
        let call = || told(optim::step(level, &mut slots));
        let fault = released(py, work * PER_NUMBER, call);
        Ok((slots.iter().map(|slot| slot.count.product).collect(), fault))
    })
}

/// Moves each average by `1 - decay` of its distance to the value; says which one was not finite, and then moves none.
#[pyfunction]
#[pyo3(signature = (decay, averages, values, /))]
pub fn average_step(
    py: Python<'_>,
    decay: f64,
    averages: Vec<Bound<'_, PyAny>>,
    values: Vec<Bound<'_, PyAny>>,
) -> PyResult<Told> {
    guard(|| {
        let level = level().map_err(raise)?;
        let group = Group { rule: Rule::Average(Average { decay }), lr: 0.0, weight_decay: 0.0, decoupled: false };
        let mut outputs = outputs("averages", &averages)?;
        let inputs = values.iter().map(|value| Input::any_shape("values", value)).collect::<PyResult<Vec<_>>>()?;
        let shapes = [outputs.iter().map(Output::shape).collect::<Vec<_>>(), inputs.iter().map(Input::shape).collect()];
        if shapes[0] != shapes[1] {
            return Err(raise(Error::shape("values", format!("{:?}", shapes[0]), format!("{:?}", shapes[1]))));
        }
        let pairs = outputs.iter_mut().zip(&inputs);
        let mut slots: Vec<optim::Slot<'_>> = pairs
            .map(|(average, value)| {
                let (value, grad) = (average.slice(), value.slice());
                optim::Slot { group, value, grad, state: &mut [], count: Count::default() }
            })
            .collect();
        let work: usize = slots.iter().map(|slot| slot.grad.len()).sum();
        let call = || told(optim::step(level, &mut slots));
        Ok(released(py, work * PER_NUMBER, call))
    })
}

/// The norm of all gradients together, which are scaled in place to have at most `max_norm`; or which one is not finite.
#[pyfunction]
#[pyo3(signature = (grads, max_norm, /))]
pub fn clip_grad_norm(py: Python<'_>, grads: Vec<Bound<'_, PyAny>>, max_norm: f64) -> PyResult<(f64, Option<usize>)> {
    clip(py, &grads, |level, grads| optim::clip_norm(level, grads, max_norm), f64::NAN)
}

/// Brings every number of the gradients into `-limit ..= limit`, in place; or says which one is not finite.
#[pyfunction]
#[pyo3(signature = (grads, limit, /))]
pub fn clip_grad_value(py: Python<'_>, grads: Vec<Bound<'_, PyAny>>, limit: f32) -> PyResult<Option<usize>> {
    Ok(clip(py, &grads, |level, grads| optim::clip_value(level, grads, limit), ())?.1)
}

fn clip<T: Send>(
    py: Python<'_>,
    grads: &[Bound<'_, PyAny>],
    clip: impl FnOnce(crate::simd::Level, &mut [&mut [f32]]) -> Result<T, Fault> + Send,
    otherwise: T,
) -> PyResult<(T, Option<usize>)> {
    guard(|| {
        let level = level().map_err(raise)?;
        let mut outputs = outputs("grads", grads)?;
        let mut grads: Vec<&mut [f32]> = outputs.iter_mut().map(Output::slice).collect();
        let work: usize = grads.iter().map(|grad| grad.len()).sum();
        let call = || clip(level, &mut grads);
        match released(py, work * PER_NUMBER, call) {
            Ok(result) => Ok((result, None)),
            Err(fault) => Ok((otherwise, Some(fault.slot))),
        }
    })
}

/// `base` to the power `exponent`, the same bits on every machine.
#[pyfunction]
#[pyo3(signature = (base, exponent, /))]
pub fn scalar_power(base: f64, exponent: f64) -> PyResult<f64> {
    guard(|| Ok(optim::power(base, exponent)))
}

/// What `make` returns; it is called with the name only to have it in the error, since a step has no time for names.
fn named<T>(name: impl Fn() -> String, make: impl Fn(&str) -> PyResult<T>) -> PyResult<T> {
    make("").or_else(|_| make(&name()))
}

fn outputs<'py>(name: &str, arrays: &[Bound<'py, PyAny>]) -> PyResult<Vec<Output<'py>>> {
    arrays.iter().enumerate().map(|(at, array)| Output::any_shape(&format!("{name}[{at}]"), array)).collect()
}

fn told(result: Result<(), Fault>) -> Told {
    result.err().map(|fault| (fault.slot, fault.kind.name()))
}
