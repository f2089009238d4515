//! Products of matrices, for Python.

use super::array::{self, Input};
use super::errors::{guard, raise};
use super::gil::released;
use crate::Error;
use crate::kernels::product::{Matrix, Product};
use numpy::PyArray3;
use numpy::prelude::*;
use pyo3::prelude::*;

/// a · b `[N, R, C]`, where a is `[N, R, K]`, or `[N, K, R]` if it is turned, and b `[N, K, C]` or `[N, C, K]`; one of
/// them may have a single matrix for all N of the other.
#[pyfunction]
#[pyo3(signature = (a, turned_a, b, turned_b, /))]
pub fn matmul<'py>(
    py: Python<'py>,
    a: &Bound<'py, PyAny>,
    turned_a: bool,
    b: &Bound<'py, PyAny>,
    turned_b: bool,
) -> PyResult<Bound<'py, PyArray3<f32>>> {
    guard(|| {
        let [r, k] = ordered(turned_a, [("R", None), ("K", None)]);
        let a = Input::new("a", a, &[("N", None), r, k])?;
        let [rows, depth] = ordered(turned_a, [a.shape()[1], a.shape()[2]]);
        let [k, c] = ordered(turned_b, [("K", Some(depth)), ("C", None)]);
        let b = Input::new("b", b, &[("N", None), k, c])?;
        let [_, columns] = ordered(turned_b, [b.shape()[1], b.shape()[2]]);
        let items = match [a.shape()[0], b.shape()[0]] {
            [1, items] | [items, 1] => items,
            [items, other] if items == other => items,
            [items, other] => {
                return Err(raise(Error::shape("b", format!("[N={items} or 1, ..]"), format!("[{other}, ..]"))));
            }
        };
        let level = crate::simd::level().map_err(raise)?;
        let out = array::zeros(py, [items, rows, columns])?;
        {
            let mut target = out.readwrite();
            let to = target.as_slice_mut().expect("a new array is contiguous");
            let product = Product::new(matrix(&a, turned_a), matrix(&b, turned_b));
            released(py, to.len().saturating_mul(depth), || product.compute(level, items, to));
        }
        Ok(out)
    })
}

/// The two, exchanged for a side that is turned.
fn ordered<T>(turned: bool, [first, second]: [T; 2]) -> [T; 2] {
    if turned { [second, first] } else { [first, second] }
}

fn matrix<'a>(side: &'a Input<'_>, turned: bool) -> Matrix<'a> {
    let &[items, rows, columns] = side.shape() else { unreachable!("three axes, as was checked") };
    let matrix = Matrix::new(side.slice(), [items, rows, columns]);
    if turned { matrix.turned() } else { matrix }
}
