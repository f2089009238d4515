//! h and c as Python sees them: one array `[L*D, B, H]`, or a list of `[D, B, H_l]` where the layers' sizes differ.

use super::array::{self, Input};
use super::errors::raise;
use crate::Error;
use crate::layers::{Config, State};
use numpy::PyArrayDyn;
use pyo3::prelude::*;

/// New arrays for h or c.
pub type Parts<'py> = Vec<Bound<'py, PyArrayDyn<f32>>>;
/// h or c from Python: a single array, or one for each layer.
pub type Given<'py> = Option<Vec<Bound<'py, PyAny>>>;

/// How h and c are cut into arrays.
pub struct Shapes {
    directions: usize,
    /// The width of h in each layer.
    pub h: Vec<usize>,
    /// The width of c in each layer.
    pub c: Vec<usize>,
}

impl Shapes {
    /// The shapes of this stack.
    pub fn of(config: &Config) -> Self {
        let h = config.hidden_sizes.iter().map(|hidden| config.proj_size.unwrap_or(*hidden)).collect();
        Shapes { directions: 1 + usize::from(config.bidirectional), h, c: config.hidden_sizes.clone() }
    }

    /// The blocks that lie one after another: a single one where all layers have one width.
    pub fn blocks(&self, widths: &[usize], batch: usize) -> Vec<[usize; 3]> {
        if widths.windows(2).all(|pair| pair[0] == pair[1]) {
            vec![[self.directions * widths.len(), batch, widths[0]]]
        } else {
            self.blocks_by_layer(widths, batch)
        }
    }

    fn blocks_by_layer(&self, widths: &[usize], batch: usize) -> Vec<[usize; 3]> {
        widths.iter().map(|width| [self.directions, batch, *width]).collect()
    }

    /// Arrays with the numbers of a state.
    pub fn parts<'py>(&self, py: Python<'py>, widths: &[usize], batch: usize, values: &[f32]) -> PyResult<Parts<'py>> {
        let mut rest = values;
        let blocks = self.blocks(widths, batch).into_iter().map(|shape| {
            let (block, after) = rest.split_at(shape.iter().product());
            rest = after;
            array::output(py, &shape, block)
        });
        blocks.collect()
    }

    /// Both parts, with zeros for one that is missing; None if both are.
    pub fn state(&self, h: (&str, Given<'_>), c: (&str, Given<'_>), batch: usize) -> PyResult<Option<State>> {
        if h.1.is_none() && c.1.is_none() {
            return Ok(None);
        }
        Ok(Some(State { h: self.join(h, &self.h, batch)?, c: self.join(c, &self.c, batch)? }))
    }

    fn join(&self, (name, parts): (&str, Given<'_>), widths: &[usize], batch: usize) -> PyResult<Vec<f32>> {
        let Some(parts) = parts else {
            return Ok(vec![0.0; self.directions * batch * widths.iter().sum::<usize>()]);
        };
        let whole = self.blocks(widths, batch);
        let blocks = if parts.len() == whole.len() { whole } else { self.blocks_by_layer(widths, batch) };
        if parts.len() != blocks.len() {
            let expected = format!("[L={}] as a list of [D, B, H], one for each layer", widths.len());
            return Err(raise(Error::shape(name, expected, format!("[{}]", parts.len()))));
        }
        let mut joined = Vec::new();
        for (layer, (part, [first, rows, width])) in parts.iter().zip(&blocks).enumerate() {
            let (name, letter) = match blocks.len() {
                1 => (name.to_string(), "L*D"),
                _ => (format!("{name}[{layer}]"), "D"),
            };
            let input = Input::new(&name, part, &[(letter, Some(*first)), ("B", Some(*rows)), ("H", Some(*width))])?;
            joined.extend_from_slice(input.slice());
        }
        Ok(joined)
    }

    /// Copies the rows that `chosen` says.
    pub fn copy_rows(
        &self,
        widths: &[usize],
        batch: usize,
        from: &[f32],
        to: &mut [f32],
        chosen: impl Fn(usize) -> bool,
    ) {
        let mut at = 0;
        for width in widths {
            for row in 0..self.directions * batch {
                if chosen(row % batch) {
                    to[at..at + width].copy_from_slice(&from[at..at + width]);
                }
                at += width;
            }
        }
    }
}
