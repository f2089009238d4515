//! A language model, one token at a time: a number in, the logits of the next one out.
//!
//! ```text
//! x = E[token], or 1 at the token's place        the embedding, or none
//! h = LSTM(x)                                    see Stream
//! logits = head(project(h))                      the projection is needed where the head is the embedding itself
//!
//! writing what was read, with a memory to look back at:
//! logits = head(tanh(project([h, attention(h, memory)])))
//! ```
//!
//! It is what the layers give for the whole sequence, bit for bit, and each row is what it would be alone.

use super::attention::{Attention, Inputs};
use super::inlet::padded;
use super::linear::Linear;
use super::lookup::Table;
use super::lstm::{Lstm, State};
use super::steps::{Steps, check_shape};
use super::stream::Stream;
use super::weights::Packed;
use crate::Error;
use crate::buffer::{Buffer, Shelf};
use crate::kernels::elementwise::{Function, apply};
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
    /// The width M of the steps of a memory, where there is one to look back at; the projection then takes the LSTM's
    /// output and beside it what was seen, and its outputs go through tanh.
    pub memory: Option<usize>,
    /// `[V, _]`
    pub head: Linear<'a>,
}

/// What was read, for one sequence to look back at.
#[derive(Debug)]
pub struct Memory {
    /// `[S, H]`, what the LSTM's output is compared with.
    pub keys: Vec<f32>,
    /// `[S, M]`, what is seen where it fits.
    pub values: Vec<f32>,
    /// `S`
    pub steps: usize,
}

/// An embedding, an LSTM and a linear head with frozen parameters.
#[derive(Debug)]
pub struct LanguageModel {
    lstm: Lstm,
    packed: Arc<Packed>,
    input: Input,
    projection: Option<Map>,
    memory: Option<usize>,
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
        let Parts { embedding, projection, memory, head } = parts;
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
        let features_of_step = lstm.output_size() + memory.unwrap_or(0);
        if outputs[1] != features_of_step || (memory.is_some() && projection.is_none()) {
            return Err(Error::shape("the projection", format!("[_, {features_of_step}]"), format!("{outputs:?}")));
        }
        if features != outputs[0] {
            return Err(Error::shape(
                "the head",
                format!("[V={tokens}, {}]", outputs[0]),
                format!("{:?}", head.features),
            ));
        }
        lstm.check_full(&packed)?;
        lstm.stream(packed.clone(), 1)?; // refuses what cannot go step by step
        let input = match embedding {
            Some(vectors) if Table::size(&lstm, tokens) > largest => Input::Vectors(vectors.to_vec()),
            _ => Input::Table(Table::new(&lstm, &packed, embedding)),
        };
        let projection = projection.map(|projection| Map::new(lstm.level(), projection)).transpose()?;
        let head = Map::new(lstm.level(), head)?;
        Ok(LanguageModel { lstm, packed, input, projection, memory, head })
    }

    /// `V`
    pub fn vocabulary(&self) -> usize {
        self.head.outputs
    }

    /// A stream of tokens for `batch` sequences that begin with zeros.
    ///
    /// # Errors
    /// When `batch` is no number of rows, or the model needs memories.
    pub fn stream(self: &Arc<Self>, batch: usize) -> Result<TokenStream, Error> {
        match self.memory {
            None => self.sequences(batch, Vec::new()),
            Some(_) => Err(Error::option("memories", "one for each sequence", "none")),
        }
    }

    /// A stream of tokens for sequences that each look back at a memory, and begin with zeros.
    ///
    /// # Errors
    /// When there is none, one does not fit, or the model looks at none.
    pub fn stream_with(self: &Arc<Self>, memories: Vec<Arc<Memory>>) -> Result<TokenStream, Error> {
        let Some(width) = self.memory else {
            return Err(Error::option("memories", "none, as the model looks at none", memories.len()));
        };
        for memory in &memories {
            check_shape("the keys of a memory", memory.keys.len(), &[memory.steps, self.lstm.output_size()])?;
            check_shape("the values of a memory", memory.values.len(), &[memory.steps, width])?;
        }
        self.sequences(memories.len(), memories)
    }

    fn sequences(self: &Arc<Self>, batch: usize, memories: Vec<Arc<Memory>>) -> Result<TokenStream, Error> {
        let stream = self.lstm.stream(self.packed.clone(), batch)?;
        let rows = |width: usize| Buffer::zeros(batch * width);
        let x = rows(if matches!(self.input, Input::Vectors(_)) { self.lstm.config().input_size } else { 0 });
        let projected = rows(self.projection.as_ref().map_or(0, |map| padded(map.outputs)));
        let (y, logits) = (rows(self.lstm.output_size()), rows(padded(self.head.outputs)));
        let beside = rows(self.memory.map_or(0, |width| self.lstm.output_size() + width));
        Ok(TokenStream { model: self.clone(), stream, memories, x, y, beside, projected, logits })
    }
}

/// `B` sequences of a language model that grow by a token at a time.
#[derive(Debug)]
pub struct TokenStream {
    model: Arc<LanguageModel>,
    stream: Stream,
    /// One for each sequence, where there are any.
    memories: Vec<Arc<Memory>>,
    x: Buffer,
    y: Buffer,
    /// y and beside it what was seen of the memory.
    beside: Buffer,
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
        let model = self.model.clone();
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
        self.look_back();
        let (features, row) = match (&model.projection, model.memory) {
            (Some(map), None) => {
                map.apply(level, batch, &self.y, width, &mut self.projected);
                (&self.projected, padded(map.outputs))
            }
            (Some(map), Some(seen)) => {
                map.apply(level, batch, &self.beside, width + seen, &mut self.projected);
                let sums = self.projected.to_vec();
                apply(level, Function::Tanh, &sums, &mut self.projected);
                (&self.projected, padded(map.outputs))
            }
            (None, _) => (&self.y, width),
        };
        model.head.apply(level, batch, features, row, &mut self.logits);
        for (to, from) in logits.chunks_exact_mut(vocabulary).zip(self.logits.chunks_exact(padded(vocabulary))) {
            to.copy_from_slice(&from[..vocabulary]);
        }
        Ok(())
    }

    /// Puts beside each row of y what it sees of its memory.
    fn look_back(&mut self) {
        let (level, width) = (self.model.lstm.level(), self.model.lstm.output_size());
        let Some(values_width) = self.model.memory else { return };
        for (row, memory) in self.memories.iter().enumerate() {
            let y = &self.y[row * width..][..width];
            let (own, seen) = self.beside[row * (width + values_width)..][..width + values_width].split_at_mut(width);
            own.copy_from_slice(y);
            let steps = |count| Steps::new(1, count, None).expect("no lengths");
            let attention = Attention { queries: steps(1), keys: steps(memory.steps), width, values_width, scale: 1.0 };
            let inputs = Inputs { queries: y, keys: &memory.keys, values: &memory.values };
            attention.forward(level, inputs, &mut vec![0.0; memory.steps], seen).expect("memories were checked");
        }
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
        if !self.memories.is_empty() {
            self.memories = rows.iter().map(|row| self.memories[*row].clone()).collect();
        }
        if rows.len() != before {
            let TokenStream { x, y, beside, projected, logits, .. } =
                self.model.sequences(rows.len(), self.memories.clone())?;
            (self.x, self.y, self.beside, self.projected, self.logits) = (x, y, beside, projected, logits);
        }
        Ok(())
    }

    /// A stream that goes on from here on its own.
    pub fn fork(&self) -> TokenStream {
        TokenStream {
            model: self.model.clone(),
            stream: self.stream.fork(),
            memories: self.memories.clone(),
            x: self.x.clone(),
            y: self.y.clone(),
            beside: self.beside.clone(),
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
        let column = |c| (c < outputs).then_some(c);
        let weight = pack::Packed::transposed(level, &Shelf::new(), linear.weight, inputs, vectors, column);
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
