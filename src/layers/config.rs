//! What an LSTM is: its options, and the names and shapes of its parameters.
//!
//! Shape letters: `T` time, `B` batch, `C` or `I` input channels, `H` hidden units, `P` projected units, `R` what recurs
//! (`P` with a projection, else `H`), `D` directions, `L` layers.

use crate::Error;
use crate::kernels::cell::Cell;

/// How the two directions of a layer become one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Merge {
    /// Side by side: `2 R` channels.
    Concat,
    /// Added.
    Sum,
    /// Multiplied.
    Mul,
    /// Averaged.
    Mean,
}

impl std::str::FromStr for Merge {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "concat" => Ok(Merge::Concat),
            "sum" => Ok(Merge::Sum),
            "mul" => Ok(Merge::Mul),
            "mean" => Ok(Merge::Mean),
            _ => Err(Error::option("merge", r#""concat", "sum", "mul" or "mean""#, format!("{name:?}"))),
        }
    }
}

/// The options of a stack of LSTM layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `C`, the channels of the input.
    pub input_size: usize,
    /// `H` of each layer, the lowest first.
    pub hidden_sizes: Vec<usize>,
    /// Whether each layer also runs from the end to the beginning.
    pub bidirectional: bool,
    /// How the directions become one.
    pub merge: Merge,
    /// `P`: the hidden state is projected to so many channels.
    pub proj_size: Option<usize>,
    /// Whether the gates' two sums are normalised.
    pub layer_norm: bool,
    /// The cell.
    pub cell: Cell,
    /// Dropout between layers.
    pub dropout: f32,
    /// Dropout of the input.
    pub input_dropout: f32,
    /// Dropout of the hidden state inside the recurrence, one mask for all steps of a sequence.
    pub recurrent_dropout: f32,
    /// Whether `dropout` and `input_dropout` too have one mask for all steps of a sequence.
    pub locked_dropout: bool,
    /// Zoneout of the hidden state.
    pub zoneout_h: f32,
    /// Zoneout of the cell state.
    pub zoneout_c: f32,
    /// Dropout of the recurrent matrix's elements, drawn for each call.
    pub weight_drop: f32,
    /// Whether a recorded pass keeps only the states of every so-many-th step, the square root of all of them, and
    /// computes the rest a second time when it is taken backward: far less memory for a third more time.
    pub recompute: bool,
}

impl Config {
    /// One plain layer.
    pub fn new(input_size: usize, hidden_size: usize) -> Self {
        Config {
            input_size,
            hidden_sizes: vec![hidden_size],
            bidirectional: false,
            merge: Merge::Concat,
            proj_size: None,
            layer_norm: false,
            cell: Cell::default(),
            dropout: 0.0,
            input_dropout: 0.0,
            recurrent_dropout: 0.0,
            locked_dropout: false,
            zoneout_h: 0.0,
            zoneout_c: 0.0,
            weight_drop: 0.0,
            recompute: false,
        }
    }

    /// `L`
    pub fn layers(&self) -> usize {
        self.hidden_sizes.len()
    }

    /// `D`
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// `R` of a layer: the width of its hidden state.
    pub fn state_size(&self, layer: usize) -> usize {
        self.proj_size.unwrap_or(self.hidden_sizes[layer])
    }

    /// The width of a layer's merged output.
    pub fn output_size(&self, layer: usize) -> usize {
        let both = self.bidirectional && self.merge == Merge::Concat;
        self.state_size(layer) * if both { 2 } else { 1 }
    }

    /// `I` of a layer.
    pub fn layer_input(&self, layer: usize) -> usize {
        if layer == 0 { self.input_size } else { self.output_size(layer - 1) }
    }

    /// Checks every option.
    pub fn check(&self) -> Result<(), Error> {
        if self.input_size == 0 {
            return Err(Error::option("input_size", "at least 1", 0));
        }
        if self.hidden_sizes.is_empty() {
            return Err(Error::option("num_layers", "at least 1", 0));
        }
        for &hidden in &self.hidden_sizes {
            if hidden == 0 {
                return Err(Error::option("hidden_size", "at least 1", 0));
            }
            if let Some(proj) = self.proj_size.filter(|&proj| proj == 0 || proj > hidden) {
                return Err(Error::option("proj_size", format!("from 1 to hidden_size ({hidden})"), proj));
            }
        }
        self.check_sizes()?;
        for (name, rate) in [
            ("dropout", self.dropout),
            ("input_dropout", self.input_dropout),
            ("recurrent_dropout", self.recurrent_dropout),
            ("zoneout (of h)", self.zoneout_h),
            ("zoneout (of c)", self.zoneout_c),
            ("weight_drop", self.weight_drop),
        ] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(Error::option(name, "from 0 to 1", rate));
            }
        }
        if self.recompute && self.bidirectional {
            let expected = "False with both directions, as one of them begins where the sequences end";
            return Err(Error::option("recompute", expected, "True"));
        }
        self.cell.check()
    }

    /// Checks that the bytes of every matrix can be counted, padding and scratch included. What callers multiply these sizes
    /// by, they hold in memory.
    fn check_sizes(&self) -> Result<(), Error> {
        const MOST: usize = isize::MAX as usize;
        // Four gates of four bytes, and as much again for scratch.
        let fits = |hidden: usize, width: usize| {
            let padded = |size: usize| size.checked_add(128);
            let need = padded(hidden)?.checked_mul(padded(width)?)?.checked_mul(32);
            need.filter(|&need| need <= MOST)
        };
        const EXPECTED: &str = "small enough for its matrices to be addressed";
        for layer in 0..self.layers() {
            let hidden = self.hidden_sizes[layer];
            if fits(hidden, hidden).is_none() {
                return Err(Error::option("hidden_size", EXPECTED, hidden));
            }
            if fits(hidden, self.layer_input(layer)).is_none() {
                let (name, size) = if layer == 0 { ("input_size", self.input_size) } else { ("hidden_size", hidden) };
                return Err(Error::option(name, EXPECTED, size));
            }
        }
        Ok(())
    }

    /// The parameters, layer by layer and direction by direction.
    pub fn specs(&self) -> Vec<ParamSpec> {
        let mut specs = Vec::new();
        for layer in 0..self.layers() {
            for direction in 0..self.directions() {
                let (h, r, i) = (self.hidden_sizes[layer], self.state_size(layer), self.layer_input(layer));
                let suffix = ["", "_reverse"][direction];
                let mut add = |kind: &str, shape: Vec<usize>| {
                    specs.push(ParamSpec { name: format!("{kind}_l{layer}{suffix}"), shape });
                };
                add("weight_ih", vec![4 * h, i]);
                add("weight_hh", vec![4 * h, r]);
                add("bias", vec![4 * h]);
                if let Some(p) = self.proj_size {
                    add("weight_hr", vec![p, h]);
                }
                if self.cell.peephole {
                    add("weight_peephole", vec![3, h]);
                }
                if self.layer_norm {
                    add("weight_ln_ih", vec![4 * h]);
                    add("weight_ln_hh", vec![4 * h]);
                }
            }
        }
        specs
    }
}

/// A parameter's name and shape. Rows of the four gates come in the order i, f, g, o.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamSpec {
    /// As torch names it, with one bias instead of two.
    pub name: String,
    /// Row-major.
    pub shape: Vec<usize>,
}

impl ParamSpec {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none; never, for a valid configuration.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
