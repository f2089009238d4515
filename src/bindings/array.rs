//! The one converter: anything array-like becomes a C-contiguous, aligned `float32` array, and is never written to.
//!
//! An array that is right already is borrowed, at the cost of a few comparisons. Everything else goes through numpy once:
//! other real dtypes, byte orders and layouts are copied; complex numbers, objects and strings are refused by name.

use super::errors::raise;
use crate::Error;
use numpy::ndarray::Dimension;
use numpy::npyffi::{PY_ARRAY_API, PyArray_Descr, npy_intp};
use numpy::prelude::*;
use numpy::{Element, PyArray, PyArray1, PyArrayDyn, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArray};
use pyo3::exceptions::{PyFloatingPointError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyList, PyModule};

/// One axis: its letter in the documentation, and its extent where that is fixed.
pub type Axis<'a> = (&'a str, Option<usize>);

/// A borrowed array that is C-contiguous, aligned and `float32`.
pub struct Input<'py>(PyReadonlyArrayDyn<'py, f32>);

impl<'py> Input<'py> {
    /// `value` as an array with these axes; `name` is what errors call it.
    pub fn new(name: &str, value: &Bound<'py, PyAny>, axes: &[Axis<'_>]) -> PyResult<Self> {
        let array = convert(name, value)?;
        check_shape(name, axes, array.shape())?;
        Input::borrow(name, &array)
    }

    /// `value` as an array of any shape.
    pub fn any_shape(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Self> {
        Input::borrow(name, &convert(name, value)?)
    }

    fn borrow(name: &str, array: &Bound<'py, PyArrayDyn<f32>>) -> PyResult<Self> {
        array.try_readonly().map(Input).map_err(|_| busy(name))
    }

    /// The numbers in C order.
    pub fn slice(&self) -> &[f32] {
        self.0.as_slice().expect("the converter returns contiguous aligned arrays")
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// The array that is borrowed.
    pub fn array(&self) -> &Bound<'py, PyArrayDyn<f32>> {
        &self.0
    }
}

/// An array of the caller that the call adds to or writes: this one is never converted, since the result would be lost.
pub struct Output<'py>(PyReadwriteArrayDyn<'py, f32>);

impl<'py> Output<'py> {
    /// `value` if it is a writable C-contiguous aligned `float32` array of this shape.
    pub fn new(name: &str, value: &Bound<'py, PyAny>, axes: &[Axis<'_>]) -> PyResult<Self> {
        let output = Output::any_shape(name, value)?;
        check_shape(name, axes, output.shape())?;
        Ok(output)
    }

    /// The same for any shape.
    pub fn any_shape(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let refuse = || PyTypeError::new_err(format!("{name} must be a writable C-contiguous float32 array"));
        let array = value.cast::<PyArrayDyn<f32>>().map_err(|_| refuse())?;
        if !(array.is_c_contiguous() && array.is_aligned()) {
            return Err(refuse());
        }
        match array.try_readwrite() {
            Ok(array) => Ok(Output(array)),
            Err(numpy::BorrowError::NotWriteable) => Err(refuse()),
            Err(_) => Err(busy(name)),
        }
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// The numbers in C order.
    pub fn slice(&mut self) -> &mut [f32] {
        self.0.as_slice_mut().expect("checked to be contiguous and aligned")
    }
}

/// Axes with the extents of `shape`, which need no letters.
pub fn fixed(shape: &[usize]) -> Vec<Axis<'static>> {
    shape.iter().map(|extent| ("", Some(*extent))).collect()
}

/// Fails unless `shape` has these axes.
fn check_shape(name: &str, axes: &[Axis<'_>], shape: &[usize]) -> PyResult<()> {
    let fits = axes.len() == shape.len() && axes.iter().zip(shape).all(|(axis, got)| axis.1.is_none_or(|n| n == *got));
    if fits { Ok(()) } else { Err(raise(Error::shape(name, expected(axes), format!("{shape:?}")))) }
}

fn expected(axes: &[Axis<'_>]) -> String {
    let axes: Vec<String> = axes
        .iter()
        .map(|axis| match axis {
            ("", Some(extent)) => extent.to_string(),
            (letter, Some(extent)) => format!("{letter}={extent}"),
            (letter, None) => (*letter).to_string(),
        })
        .collect();
    format!("[{}]", axes.join(", "))
}

fn busy(name: &str) -> PyErr {
    pyo3::exceptions::PyRuntimeError::new_err(format!(
        "{name} is in use: by another thread, or as another argument of this call"
    ))
}

fn numpy<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyModule>> {
    static NUMPY: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    NUMPY.get_or_try_init(py, || Ok(PyModule::import(py, "numpy")?.unbind())).map(|module| module.bind(py))
}

fn convert<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    match value.cast_exact::<PyArrayDyn<f32>>() {
        Ok(array) if array.is_c_contiguous() && array.is_aligned() => Ok(array.clone()),
        // A view of a larger array, most often.
        Ok(array) => Ok(array.call_method0(intern!(array.py(), "copy"))?.cast_into::<PyArrayDyn<f32>>()?),
        Err(_) => convert_slowly(name, value),
    }
}

fn convert_slowly<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    let py = value.py();
    let numpy = numpy(py)?;
    let array = real_array(name, value, "fiub", "real numbers")?;
    // A finite double beyond the range would silently become infinite.
    let state = numpy.getattr(intern!(py, "errstate"))?.call((), Some(&[("over", "raise")].into_py_dict(py)?))?;
    state.call_method0(intern!(py, "__enter__"))?;
    let converted = numpy.call_method1(intern!(py, "require"), (array, intern!(py, "float32"), ("C", "A", "E")));
    state.call_method1(intern!(py, "__exit__"), (py.None(), py.None(), py.None()))?;
    match converted {
        Ok(array) => Ok(array.cast_into::<PyArrayDyn<f32>>()?),
        Err(error) if error.is_instance_of::<PyFloatingPointError>(py) => {
            Err(PyValueError::new_err(format!("{name} holds numbers beyond the range of float32")))
        }
        Err(error) => Err(error),
    }
}

/// `value` as numpy sees it, if its dtype is of one of `kinds`; not yet `float32`.
fn real_array<'py>(
    name: &str,
    value: &Bound<'py, PyAny>,
    kinds: &str,
    what: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = value.py();
    let numpy = numpy(py)?;
    let refuse = |got: String| PyTypeError::new_err(format!("{name} must be an array of {what}, got {got}"));
    let array = numpy.call_method1(intern!(py, "asarray"), (value,)).map_err(|cause| {
        let uneven = cause.is_instance_of::<PyValueError>(py);
        let sentence = format!("{name} must be an array of {what}: {}", cause.value(py));
        let error = if uneven { PyValueError::new_err(sentence) } else { PyTypeError::new_err(sentence) };
        error.set_cause(py, Some(cause));
        error
    })?;
    let array = array.cast_into::<PyUntypedArray>()?;
    let kind = array.dtype().kind() as char;
    // An empty list has no dtype of its own: numpy says float64.
    let allowed = kinds.contains(kind) || array.is_empty() && kind == 'f';
    if !allowed {
        let of =
            if kind == 'O' { value.get_type().name()?.to_string() } else { format!("dtype {}", array.dtype().str()?) };
        return Err(refuse(of));
    }
    let masked = numpy.getattr(intern!(py, "ma"))?;
    if value.is_instance(&masked.getattr(intern!(py, "MaskedArray"))?)?
        && masked.call_method1(intern!(py, "is_masked"), (value,))?.extract()?
    {
        return Err(PyValueError::new_err(format!(
            "{name} has masked elements; fill them first, as in {name}.filled(0)"
        )));
    }
    Ok(array)
}

/// `value` as a C-contiguous aligned array of `int64`.
pub fn integers<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<i64>>> {
    match value.cast_exact::<PyArrayDyn<i64>>() {
        Ok(array) if array.is_c_contiguous() && array.is_aligned() => Ok(array.clone()),
        _ => {
            let (py, array) = (value.py(), real_array(name, value, "iu", "integers")?);
            let options = (array, intern!(py, "int64"), ("C", "A", "E"));
            Ok(numpy(py)?.call_method1(intern!(py, "require"), options)?.cast_into::<PyArrayDyn<i64>>()?)
        }
    }
}

/// Tokens `[N]`, each from 0 to `vocabulary - 1`.
pub fn tokens(name: &str, value: &Bound<'_, PyAny>, vocabulary: usize) -> PyResult<Vec<u32>> {
    let array = integers(name, value)?;
    check_shape(name, &[("N", None)], array.shape())?;
    let array = array.try_readonly().map_err(|_| busy(name))?;
    let numbers = array.as_slice().expect("the converter returns contiguous aligned arrays");
    let checked = numbers.iter().enumerate().map(|(at, &token)| match u32::try_from(token) {
        Ok(small) if (small as usize) < vocabulary => Ok(small),
        _ => {
            let expected = format!("from 0 to V - 1 = {}", vocabulary as i64 - 1);
            Err(raise(Error::option(format!("{name}[{at}]"), expected, token)))
        }
    });
    checked.collect()
}

/// The lengths `[B]` of the rows of a batch, each between 0 and `time`.
pub fn lengths(value: &Bound<'_, PyAny>, batch: usize, time: usize) -> PyResult<Vec<usize>> {
    let array = real_array("lengths", value, "iu", "integers")?;
    check_shape("lengths", &[("B", Some(batch))], array.shape())?;
    let numbers: Vec<i128> = array.call_method0("tolist")?.extract()?;
    let checked = numbers.into_iter().enumerate().map(|(row, length)| match usize::try_from(length) {
        Ok(length) if length <= time => Ok(length),
        _ => Err(raise(Error::option(format!("lengths[{row}]"), format!("between 0 and T={time}"), length))),
    });
    checked.collect()
}

/// A mask `[B]`.
pub fn mask(value: &Bound<'_, PyAny>, batch: usize) -> PyResult<Vec<bool>> {
    let array = real_array("mask", value, "b", "booleans")?;
    check_shape("mask", &[("B", Some(batch))], array.shape())?;
    array.call_method0("tolist")?.extract()
}

/// The arrays of a list of arrays with three axes; anything else, nested lists of numbers included, is one array.
pub fn by_layer(value: Bound<'_, PyAny>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    if let Ok(list) = value.cast::<PyList>() {
        let ndim = numpy(value.py())?.getattr(intern!(value.py(), "ndim"))?;
        let parts: Vec<_> = list.iter().collect();
        let solid = |part: &Bound<'_, PyAny>| matches!(ndim.call1((part,)).and_then(|n| n.extract()), Ok(3));
        if parts.iter().all(solid) && !parts.is_empty() {
            return Ok(parts);
        }
    }
    Ok(vec![value])
}

/// A new array of zeros, or numpy's error: `MemoryError`, or that there are no such arrays.
pub fn zeros<'py, T: Element, D: Dimension>(
    py: Python<'py>,
    shape: impl AsRef<[usize]>,
) -> PyResult<Bound<'py, PyArray<T, D>>> {
    // SAFETY: zeros are floats, and whatever else is an element.
    unsafe { made(py, shape.as_ref(), |n, extents, dtype| PY_ARRAY_API.PyArray_Zeros(py, n, extents, dtype, 0)) }
}

/// The same for what is added up in it. Zeros of the system that nobody has written share one page; to read such a page
/// and then write it costs two faults, and an interruption of all cores on which the team runs, for every 4 KB: ten times
/// the time of a short backward pass. These zeros are written.
pub fn sums<'py, D: Dimension>(py: Python<'py>, shape: impl AsRef<[usize]>) -> PyResult<Bound<'py, PyArray<f32, D>>> {
    // SAFETY: all elements are written before anybody sees the array.
    unsafe {
        let empty = |n, extents, dtype| PY_ARRAY_API.PyArray_Empty(py, n, extents, dtype, 0);
        let array = made::<f32, D>(py, shape.as_ref(), empty)?;
        std::ptr::write_bytes(array.data(), 0, array.len());
        Ok(array)
    }
}

/// A new array as numpy makes it from the number of axes, the extents and the type.
///
/// # Safety
/// The array that `make` gives has this shape, is contiguous, and its elements are valid or written before they are read.
unsafe fn made<'py, T: Element, D: Dimension>(
    py: Python<'py>,
    shape: &[usize],
    make: impl FnOnce(i32, *mut npy_intp, *mut PyArray_Descr) -> *mut pyo3::ffi::PyObject,
) -> PyResult<Bound<'py, PyArray<T, D>>> {
    let refuse = |_| PyValueError::new_err("array is too big");
    let mut extents: Vec<npy_intp> =
        shape.iter().map(|&extent| extent.try_into().map_err(refuse)).collect::<PyResult<_>>()?;
    let dtype = T::get_dtype(py).into_dtype_ptr();
    // SAFETY: as many extents as are announced, a descriptor that the call takes over, and in C order.
    unsafe {
        let array = make(extents.len() as i32, extents.as_mut_ptr(), dtype);
        Ok(Bound::from_owned_ptr_or_err(py, array)?.cast_into_unchecked())
    }
}

/// A new array with these numbers.
pub fn output<'py>(py: Python<'py>, shape: &[usize], values: &[f32]) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    if let [extent] = shape {
        debug_assert_eq!(*extent, values.len());
        return Ok(PyArray1::from_slice(py, values).to_dyn().clone());
    }
    let array = zeros(py, shape)?;
    array.readwrite().as_slice_mut().expect("a new array is contiguous").copy_from_slice(values);
    Ok(array)
}
