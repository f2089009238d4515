//! The Python binding: convert, release the GIL, call, map the error.
//!
//! Locks are only ever taken while the GIL is held and dropped before it is released, or tried and never waited for: so
//! a child that is forked from another thread cannot inherit a lock that nobody will open.

mod array;
mod attention;
mod conv;
mod decode;
mod dropout;
mod elementwise;
mod embedding;
mod errors;
mod gil;
mod images;
mod init;
mod language;
mod layers;
mod linear;
mod loss;
mod norm;
mod optim;
mod pool;
mod product;
mod safetensors;
mod softmax;
mod state;
mod steps;
mod stream;

use array::{Axis, Input};
use errors::{guard, raise};
use numpy::PyArrayDyn;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The native half of rustlstm. Its public face is the package; nothing here is meant to be called directly.
#[pymodule]
mod _core {
    use super::*;

    #[pymodule_export]
    use super::attention::{attention, attention_backward};
    #[pymodule_export]
    use super::conv::{conv, conv_backward};
    #[pymodule_export]
    use super::decode::{Sampler, beam_search, filter_logits};
    #[pymodule_export]
    use super::dropout::dropout;
    #[pymodule_export]
    use super::elementwise::{power, powers, unary};
    #[pymodule_export]
    use super::embedding::{embedding, embedding_backward};
    #[pymodule_export]
    use super::errors::RustPanic;
    #[pymodule_export]
    use super::init::draw;
    #[pymodule_export]
    use super::language::{TokenStream, token_stream};
    #[pymodule_export]
    use super::layers::{Cache, LstmCore};
    #[pymodule_export]
    use super::linear::{linear, linear_backward};
    #[pymodule_export]
    use super::loss::{
        activation_regulariser, binary_cross_entropy, cross_entropy, gaussian_nll, negative_binomial_nll,
        regression_loss, student_t_nll,
    };
    #[pymodule_export]
    use super::norm::{layer_norm, layer_norm_backward};
    #[pymodule_export]
    use super::optim::{average_step, clip_grad_norm, clip_grad_value, optimizer_step, scalar_power};
    #[pymodule_export]
    use super::pool::{avg_pool, max_pool, pool_steps, pool_steps_backward, window_pool_backward};
    #[pymodule_export]
    use super::product::matmul;
    #[pymodule_export]
    use super::safetensors::{header_length, make_header, parse_header};
    #[pymodule_export]
    use super::softmax::{softmax, softmax_backward};
    #[pymodule_export]
    use super::stream::Stream;

    #[pymodule_export]
    #[allow(non_upper_case_globals)] // Python's name for it
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::threads::ask(super::errors::interrupted);
        Ok(())
    }

    /// What was built and what it found: version, CPU level, levels available, threads, CPUs, profile.
    #[pyfunction]
    fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        guard(|| {
            use crate::simd::{Level, level};
            let level = level().map_err(raise)?;
            let levels: Vec<_> = Level::available().into_iter().map(Level::short).collect();
            let info = PyDict::new(py);
            info.set_item("version", env!("CARGO_PKG_VERSION"))?;
            info.set_item("level", level.short())?;
            info.set_item("level_name", level.name())?;
            info.set_item("levels", levels)?;
            info.set_item("threads", crate::threads::num_threads())?;
            info.set_item("cpus", std::thread::available_parallelism().map_or(1, usize::from))?;
            info.set_item("target", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS))?;
            info.set_item("profile", if cfg!(debug_assertions) { "debug" } else { "release" })?;
            Ok(info)
        })
    }

    /// The number of threads that a call may use.
    #[pyfunction]
    fn get_num_threads() -> PyResult<usize> {
        guard(|| Ok(crate::threads::num_threads()))
    }

    /// Sets the number of threads that a call may use.
    #[pyfunction]
    fn set_num_threads(n: usize) -> PyResult<()> {
        guard(|| crate::threads::set_num_threads(n).map_err(raise))
    }

    /// `value` as a C-contiguous aligned float32 array; `shape` is a list of (letter, extent or None).
    #[pyfunction]
    #[pyo3(signature = (name, value, shape=None, /))]
    fn as_f32<'py>(
        name: &str,
        value: &Bound<'py, PyAny>,
        shape: Option<Vec<(String, Option<usize>)>>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        guard(|| {
            let input = match &shape {
                None => Input::any_shape(name, value)?,
                Some(axes) => {
                    let axes: Vec<Axis<'_>> = axes.iter().map(|(letter, extent)| (letter.as_str(), *extent)).collect();
                    Input::new(name, value, &axes)?
                }
            };
            Ok(input.array().clone())
        })
    }

    /// Panics on purpose: at once, with the GIL released, or on a worker thread.
    #[pyfunction]
    fn _panic_for_tests(py: Python<'_>, place: &str) -> PyResult<()> {
        guard(|| match place {
            "worker" => py.detach(|| {
                crate::threads::run(crate::threads::num_threads(), |_| panic!("a panic for the tests, on a worker"));
                Ok(())
            }),
            "detached" => py.detach(|| panic!("a panic for the tests, without the GIL")),
            _ => panic!("a panic for the tests"),
        })
    }
}
