//! A language model, one token at a time: a number in, the logits of the next one out.
//!
//! ```text
//! x = E[token], or 1 at the token's place        the embedding, or none
//! h = LSTM(x)                                    see Stream
//! logits = head(project(h))                      the projection is needed where the head is the embedding itself
//! ```
//!
//! It is what the layers give for the whole sequence, bit for bit, and each row is what it would be alone.

use super::inlet::padded;
use super::linear::Linear;
use super::lookup::Table;
use super::lstm::{Lstm, State};
use super::steps::check_shape;
use super::stream::Stream;
use super::weights::Packed;
use crate::Error;
use crate::buffer::Buffer;
use crate::kernels::gemm::{multiply, pack};
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads;
use crate::view::Grid;
use std::ops::Range;
use std::sync::Arc;

/// Floats up to which the first layer's sums are computed for every token beforehand: 16 MB.
const LARGEST_TABLE: usize = 1 << 22;

/// The parameters around the LSTM.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// `[V, E]`; without it tokens are ones at their own places, and E is V.
    pub embedding: Option<&'a [f32]>,
    /// From the LSTM's output to what the head takes, if these differ.
    pub projection: Option<Linear<'a>>,
    /// `[V, _]`
    pub head: Linear<'a>,
}

/// An embedding, an LSTM and a linear head with frozen parameters.
#[derive(Debug)]
pub struct LanguageModel {
    lstm: Lstm,
    packed: Arc<Packed>,
    input: Input,
    projection: Option<Map>,
    head: Map,
}

/// How a token enters the LSTM.
#[derive(Debug)]
enum Input {
    /// By what the first layer makes of it.
    Table(Table),
    /// By its vector, where the table would be too large.
    Vectors(Vec<f32>),
}

impl LanguageModel {
    /// The model of these parts.
    ///
    /// # Errors
    /// When the parts do not fit together.
    pub fn new(lstm: Lstm, packed: Arc<Packed>, parts: Parts<'_>) -> Result<Self, Error> {
        Self::with_table(lstm, packed, parts, LARGEST_TABLE)
    }

    /// The same with a bound of one's own on the floats of the table that saves the first layer's product.
    ///
    /// # Errors
    /// As for [`LanguageModel::new`].
    pub fn with_table(lstm: Lstm, packed: Arc<Packed>, parts: Parts<'_>, largest: usize) -> Result<Self, Error> {
        let Parts { embedding, projection, head } = parts;
        let ([tokens, features], channels) = (head.features, lstm.config().input_size);
        if tokens == 0 || u32::try_from(tokens).is_err() {
            return Err(Error::option("the vocabulary", "from 1 to 2³² - 1 tokens", tokens));
        }
        match embedding {
            Some(table) => check_shape("the embedding", table.len(), &[tokens, channels])?,
            None if channels == tokens => {}
            None => return Err(Error::shape("the LSTM's input", format!("[V={tokens}]"), format!("[{channels}]"))),
        }
        let outputs = projection.map_or([lstm.output_size(); 2], |projection| projection.features);
        if outputs[1] != lstm.output_size() {
            return Err(Error::shape("the projection", format!("[_, {}]", lstm.output_size()), format!("{outputs:?}")));
        }
        if features != outputs[0] {
            return Err(Error::shape(
                "the head",
                format!("[V={tokens}, {}]", outputs[0]),
                format!("{:?}", head.features),
            ));
        }
        lstm.stream(packed.clone(), 1)?; // refuses what cannot go step by step
        let input = match embedding {
            Some(vectors) if Table::size(&lstm, tokens) > largest => Input::Vectors(vectors.to_vec()),
            _ => Input::Table(Table::new(&lstm, &packed, embedding)),
        };
        let projection = projection.map(|projection| Map::new(lstm.level(), projection)).transpose()?;
        let head = Map::new(lstm.level(), head)?;
        Ok(LanguageModel { lstm, packed, input, projection, head })
    }

    /// `V`
    pub fn vocabulary(&self) -> usize {
        self.head.outputs
    }

    /// A stream of tokens for `batch` sequences that begin with zeros.
    ///
    /// # Errors
    /// When `batch` is no number of rows.
    pub fn stream(self: &Arc<Self>, batch: usize) -> Result<TokenStream, Error> {
        let stream = self.lstm.stream(self.packed.clone(), batch)?;
        let rows = |width: usize| Buffer::zeros(batch * width);
        let x = rows(if matches!(self.input, Input::Vectors(_)) { self.lstm.config().input_size } else { 0 });
        let projected = rows(self.projection.as_ref().map_or(0, |map| padded(map.outputs)));
        let (y, logits) = (rows(self.lstm.output_size()), rows(padded(self.head.outputs)));
        Ok(TokenStream { model: self.clone(), stream, x, y, projected, logits })
    }
}

/// `B` sequences of a language model that grow by a token at a time.
#[derive(Debug)]
pub struct TokenStream {
    model: Arc<LanguageModel>,
    stream: Stream,
    x: Buffer,
    y: Buffer,
    /// In padded rows, as the product writes them.
    projected: Buffer,
    logits: Buffer,
}

impl TokenStream {
    /// Sequences that run side by side.
    pub fn batch(&self) -> usize {
        self.stream.batch()
    }

    /// `V`
    pub fn vocabulary(&self) -> usize {
        self.model.vocabulary()
    }

    /// Reads a token of each sequence, `[B]`, and writes the logits of the next ones, `[B, V]`.
    ///
    /// # Errors
    /// When the sizes do not fit, or a token is not from 0 to V - 1; then the state is as it was.
    pub fn step(&mut self, tokens: &[u32], logits: &mut [f32]) -> Result<(), Error> {
        let (batch, vocabulary) = (self.batch(), self.vocabulary());
        check_shape("tokens", tokens.len(), &[batch])?;
        check_shape("logits", logits.len(), &[batch, vocabulary])?;
        if let Some(row) = tokens.iter().position(|token| *token as usize >= vocabulary) {
            let expected = format!("from 0 to V - 1 = {}", vocabulary - 1);
            return Err(Error::option(format!("tokens[{row}]"), expected, tokens[row]));
        }
        let model = &*self.model;
        match &model.input {
            Input::Table(table) => self.stream.look_up(table, tokens, &mut self.y)?,
            Input::Vectors(vectors) => {
                let width = model.lstm.config().input_size;
                for (to, token) in self.x.chunks_exact_mut(width.max(1)).zip(tokens) {
                    to.copy_from_slice(&vectors[*token as usize * width..][..width]);
                }
                self.stream.step(&self.x, &mut self.y)?;
            }
        }
        let (level, width) = (model.lstm.level(), model.lstm.output_size());
        let (features, row) = match &model.projection {
            Some(map) => {
                map.apply(level, batch, &self.y, width, &mut self.projected);
                (&self.projected, padded(map.outputs))
            }
            None => (&self.y, width),
        };
        model.head.apply(level, batch, features, row, &mut self.logits);
        for (to, from) in logits.chunks_exact_mut(vocabulary).zip(self.logits.chunks_exact(padded(vocabulary))) {
            to.copy_from_slice(&from[..vocabulary]);
        }
        Ok(())
    }

    /// The state after the last step.
    pub fn state(&self) -> State {
        self.stream.state()
    }

    /// Goes on from another state.
    ///
    /// # Errors
    /// When its sizes do not fit.
    pub fn set_state(&mut self, state: &State) -> Result<(), Error> {
        self.stream.set_state(state)
    }

    /// Makes the sequences copies of those that `rows` names, which may be more or fewer than there were.
    ///
    /// # Errors
    /// When there are none, or one is not there.
    pub fn select(&mut self, rows: &[usize]) -> Result<(), Error> {
        let before = self.batch();
        self.stream.select(rows)?;
        if rows.len() != before {
            let TokenStream { x, y, projected, logits, .. } = self.model.stream(rows.len())?;
            (self.x, self.y, self.projected, self.logits) = (x, y, projected, logits);
        }
        Ok(())
    }

    /// A stream that goes on from here on its own.
    pub fn fork(&self) -> TokenStream {
        TokenStream {
            model: self.model.clone(),
            stream: self.stream.fork(),
            x: self.x.clone(),
            y: self.y.clone(),
            projected: self.projected.clone(),
            logits: self.logits.clone(),
        }
    }
}

/// A linear map with its matrix packed.
#[derive(Debug)]
struct Map {
    weight: pack::Packed,
    /// Zeros behind the last one, and where there is none.
    bias: Buffer,
    outputs: usize,
}

impl Map {
    fn new(level: Level, linear: Linear<'_>) -> Result<Self, Error> {
        let [outputs, inputs] = linear.features;
        check_shape("weight", linear.weight.len(), &[outputs, inputs])?;
        let vectors = outputs.div_ceil(LANES);
        let weight = pack::Packed::transposed(level, linear.weight, inputs, vectors, |c| (c < outputs).then_some(c));
        let mut bias = Buffer::zeros((vectors * LANES).next_multiple_of(pack::panel(level)));
        if let Some(values) = linear.bias {
            check_shape("bias", values.len(), &[outputs])?;
            bias[..outputs].copy_from_slice(values);
        }
        Ok(Map { weight, bias, outputs })
    }

    /// Maps `batch` rows of `x`, which lie `row` apart, to padded rows of `y`.
    fn apply(&self, level: Level, batch: usize, x: &[f32], row: usize, y: &mut Buffer) {
        let panel = pack::panel(level);
        let (panels, width) = ((self.weight.vectors * LANES).div_ceil(panel), padded(self.outputs));
        let work = batch * self.weight.depth * self.weight.vectors * LANES;
        // SAFETY: x is only read, and each worker writes panels of its own.
        let (left, out) = unsafe { (Grid::read(x, row, panel), Grid::new(y, width, panel)) };
        threads::run(threads::worth(work).min(panels), |worker| {
            let mine = worker.share(panels);
            let vectors = mine.start * panel / LANES..self.weight.vectors.min(mine.end * panel / LANES);
            dispatch(level, Rows { map: self, batch, left, vectors, out });
        });
    }
}

/// Some columns of a map.
struct Rows<'a> {
    map: &'a Map,
    batch: usize,
    left: Grid<'a>,
    vectors: Range<usize>,
    out: Grid<'a>,
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: only read.
        let init = unsafe { Grid::read(&self.map.bias, 0, S::PANEL) };
        let right = self.map.weight.grid();
        multiply(s, self.batch, self.map.weight.depth, self.left, right, self.vectors, init, self.out);
    }
}
