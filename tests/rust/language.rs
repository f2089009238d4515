//! A language model one token at a time against its layers over the whole sequence.

use crate::everywhere::everywhere;
use crate::support::{Rng, bits, error, randomise, wide};
use rustlstm::kernels::elementwise::{Function, apply};
use rustlstm::layers::attention::{Attention, Inputs};
use rustlstm::layers::linear::Linear;
use rustlstm::layers::{Config, LanguageModel, Lstm, Memory, Parts, Pass, Steps, TokenStream};
use rustlstm::simd::Level;
use rustlstm::view::{Seq, SeqMut};
use std::sync::Arc;

/// The sizes and numbers of a model.
struct Case {
    lstm: Lstm,
    params: Vec<Vec<f32>>,
    tokens: usize,
    /// None for ones at the tokens' places.
    embedding: Option<Vec<f32>>,
    projection: Option<(Vec<f32>, Vec<f32>, usize)>,
    /// The width of what is looked back at.
    memory: Option<usize>,
    head: (Vec<f32>, Option<Vec<f32>>),
}

impl Case {
    fn new(seed: u64, level: Level) -> Case {
        Case::with(seed, level, false)
    }

    /// One that writes and looks back, if `decoder`.
    fn with(seed: u64, level: Level, decoder: bool) -> Case {
        let mut rng = Rng::new(seed);
        let (tokens, hidden) = (rng.pick(&[1, 3, 17, 40, 96]), rng.pick(&[1, 8, 17, 33, 80]));
        let one_hot = rng.chance(0.4);
        let width = if one_hot { tokens } else { rng.pick(&[1, 5, 16, 33]) };
        let mut config = Config::new(width, hidden);
        if rng.chance(0.5) {
            config.hidden_sizes = vec![hidden, rng.pick(&[4, 16, 29])];
        }
        if rng.chance(0.5) {
            randomise(&mut rng, &mut config);
            config.bidirectional = false;
        }
        let lstm = Lstm::at_level(config, level).expect("a valid configuration");
        let params = lstm.specs().iter().map(|spec| rng.fill(spec.len(), -0.5, 0.5)).collect();
        let memory = decoder.then(|| rng.pick(&[1, 6, 16, 35]));
        let features = lstm.output_size() + memory.unwrap_or(0);
        let projection = (decoder || rng.chance(0.4)).then(|| {
            let to = rng.pick(&[1, 7, 20]);
            (rng.fill(to * features, -0.5, 0.5), rng.fill(to, -0.5, 0.5), to)
        });
        let features = projection.as_ref().map_or(features, |(_, _, to)| *to);
        let head = (rng.fill(tokens * features, -0.5, 0.5), rng.chance(0.6).then(|| rng.fill(tokens, -0.5, 0.5)));
        let embedding = (!one_hot).then(|| rng.fill(tokens * width, -1.0, 1.0));
        Case { lstm, params, tokens, embedding, projection, memory, head }
    }

    fn maps(&self) -> (Option<Linear<'_>>, Linear<'_>) {
        let outputs = self.lstm.output_size() + self.memory.unwrap_or(0);
        let projection = self.projection.as_ref().map(|(weight, bias, to)| Linear {
            weight,
            bias: Some(bias),
            features: [*to, outputs],
        });
        let features = [self.tokens, projection.map_or(outputs, |projection| projection.features[0])];
        (projection, Linear { weight: &self.head.0, bias: self.head.1.as_deref(), features })
    }

    fn model(&self, largest: usize) -> Arc<LanguageModel> {
        let params: Vec<&[f32]> = self.params.iter().map(Vec::as_slice).collect();
        let packed = Arc::new(self.lstm.pack(&params).expect("parameters of the right shapes"));
        let (projection, head) = self.maps();
        let parts = Parts { embedding: self.embedding.as_deref(), projection, memory: self.memory, head };
        let model = LanguageModel::with_table(self.lstm.clone(), packed, parts, largest);
        Arc::new(model.expect("parts that fit"))
    }

    /// Something to look back at, of 0 to 6 steps.
    fn memory(&self, rng: &mut Rng) -> Arc<Memory> {
        let (width, steps) = (self.memory.expect("a decoder"), rng.below(7));
        let keys = rng.fill(steps * self.lstm.output_size(), -1.0, 1.0);
        Arc::new(Memory { keys, values: rng.fill(steps * width, -1.0, 1.0), steps })
    }

    /// The LSTM's outputs `[B, T, H]`.
    fn read(&self, ids: &[Vec<u32>]) -> Vec<f32> {
        let (batch, time, width) = (ids.len(), ids[0].len(), self.lstm.config().input_size);
        let mut x = vec![0.0; batch * time * width];
        for (token, row) in ids.iter().flatten().zip(x.chunks_exact_mut(width)) {
            match &self.embedding {
                Some(table) => row.copy_from_slice(&table[*token as usize * width..][..width]),
                None => row[*token as usize] = 1.0,
            }
        }
        let params: Vec<&[f32]> = self.params.iter().map(Vec::as_slice).collect();
        let packed = self.lstm.pack(&params).expect("parameters of the right shapes");
        let outputs = self.lstm.output_size();
        let mut y = vec![0.0; batch * time * outputs];
        let x = Seq::new(&x, [batch, time, width]).expect("its shape");
        let to = SeqMut::new(&mut y, [batch, time, outputs]).expect("its shape");
        self.lstm.forward(&packed, x, None, None, to, Pass::Infer).expect("arguments that fit");
        y
    }

    /// The logits `[B, T, V]` by the layers over whole sequences; a memory for each sequence, or none.
    fn whole(&self, ids: &[Vec<u32>], memories: &[Arc<Memory>]) -> Vec<f32> {
        let (batch, time, level) = (ids.len(), ids[0].len(), self.lstm.level());
        let mut y = self.read(ids);
        let width = self.lstm.output_size();
        if let Some(seen_width) = self.memory {
            let rows = y.chunks_exact(time * width).zip(memories);
            y = rows.flat_map(|(queries, memory)| beside(level, queries, width, memory, seen_width)).collect();
        }
        let steps = Steps::new(batch, time, None).expect("no lengths");
        let (projection, head) = self.maps();
        if let Some(map) = projection {
            let mut next = vec![0.0; batch * time * map.features[0]];
            map.forward(level, &y, &steps, &mut next).expect("arguments that fit");
            y.clone_from(&next);
            if self.memory.is_some() {
                apply(level, Function::Tanh, &next, &mut y);
            }
        }
        let mut logits = vec![0.0; batch * time * self.tokens];
        head.forward(level, &y, &steps, &mut logits).expect("arguments that fit");
        logits
    }

    /// The same by plain loops in f64 behind the LSTM.
    fn plain(&self, ids: &[Vec<u32>], memories: &[Arc<Memory>]) -> Vec<f64> {
        let (time, width, seen_width) = (ids[0].len(), self.lstm.output_size(), self.memory.expect("a decoder"));
        let (projection, head) = self.maps();
        let mut logits = Vec::new();
        for (at, y) in wide(&self.read(ids)).chunks_exact(width).enumerate() {
            let memory = &memories[at / time];
            let (keys, values) = (wide(&memory.keys), wide(&memory.values));
            let powers: Vec<f64> = keys.chunks_exact(width).map(|key| dot(key, y).exp()).collect();
            let total: f64 = powers.iter().sum();
            let mut row = y.to_vec();
            row.extend((0..seen_width).map(|i| {
                powers.iter().zip(values.chunks_exact(seen_width)).map(|(p, value)| p / total * value[i]).sum::<f64>()
            }));
            let mapped = |map: Linear<'_>, x: &[f64]| -> Vec<f64> {
                let bias = |o: usize| map.bias.map_or(0.0, |bias| f64::from(bias[o]));
                let rows = wide(map.weight);
                rows.chunks_exact(map.features[1]).enumerate().map(|(o, row)| dot(row, x) + bias(o)).collect()
            };
            let combined: Vec<f64> = mapped(projection.expect("a decoder"), &row).iter().map(|x| x.tanh()).collect();
            logits.extend(mapped(head, &combined));
        }
        logits
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `[T, H + M]`: queries `[T, H]`, and beside each what it sees of a memory.
fn beside(level: Level, queries: &[f32], width: usize, memory: &Memory, seen_width: usize) -> Vec<f32> {
    let time = queries.len() / width;
    let steps = |count| Steps::new(1, count, None).expect("no lengths");
    let attention =
        Attention { queries: steps(time), keys: steps(memory.steps), width, values_width: seen_width, scale: 1.0 };
    let inputs = Inputs { queries, keys: &memory.keys, values: &memory.values };
    let (mut weights, mut seen) = (vec![0.0; time * memory.steps], vec![0.0; time * seen_width]);
    attention.forward(level, inputs, &mut weights, &mut seen).expect("arguments that fit");
    queries.chunks_exact(width).zip(seen.chunks_exact(seen_width)).flat_map(|(y, seen)| [y, seen].concat()).collect()
}

fn step(stream: &mut TokenStream, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut logits = vec![f32::NAN; tokens.len() * stream.vocabulary()];
    stream.step(tokens, &mut logits).expect("tokens of the vocabulary");
    logits.chunks_exact(stream.vocabulary()).map(<[f32]>::to_vec).collect()
}

#[test]
fn tokens_are_the_sequence_with_and_without_a_table() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed ^ 0x70c);
        let ids: Vec<Vec<u32>> =
            (0..rng.pick(&[1, 2, 7])).map(|_| (0..5).map(|_| rng.bits() as u32).collect()).collect();
        everywhere(&format!("seed {seed}"), |level| {
            let case = Case::new(seed, level);
            let ids: Vec<Vec<u32>> =
                ids.iter().map(|row| row.iter().map(|id| id % case.tokens as u32).collect()).collect();
            let expected = case.whole(&ids, &[]);
            for largest in [0, usize::MAX] {
                let mut stream = case.model(largest).stream(ids.len()).expect("rows");
                for t in 0..5 {
                    let tokens: Vec<u32> = ids.iter().map(|row| row[t]).collect();
                    let mut logits = vec![f32::NAN; ids.len() * case.tokens];
                    stream.step(&tokens, &mut logits).expect("tokens of the vocabulary");
                    for (b, row) in logits.chunks_exact(case.tokens).enumerate() {
                        let whole = &expected[(b * 5 + t) * case.tokens..][..case.tokens];
                        assert_eq!(bits(row), bits(whole), "seed {seed}, largest table {largest}, row {b}, step {t}");
                    }
                }
            }
            vec![expected]
        });
    }
}

#[test]
fn selected_rows_go_on_as_copies() {
    for seed in 100..120 {
        let case = Case::new(seed, Level::available()[0]);
        let model = case.model(usize::MAX);
        let token = |at: usize| (at * 7 % case.tokens) as u32;
        let step = |stream: &mut TokenStream, first: usize| -> Vec<Vec<u32>> {
            let tokens: Vec<u32> = (0..stream.batch()).map(|row| token(first + row)).collect();
            let mut logits = vec![0.0; tokens.len() * case.tokens];
            stream.step(&tokens, &mut logits).expect("tokens of the vocabulary");
            logits.chunks_exact(case.tokens).map(bits).collect()
        };
        let mut stream = model.stream(3).expect("rows");
        step(&mut stream, 1);
        let mut alone = stream.fork();
        let expected = step(&mut alone, 5);
        for rows in [&[0, 1, 2][..], &[2, 0], &[1, 1, 2, 0, 0]] {
            let mut other = stream.fork();
            other.select(rows).expect("rows that are there");
            let tokens: Vec<u32> = rows.iter().map(|row| token(5 + row)).collect();
            let mut logits = vec![0.0; rows.len() * case.tokens];
            other.step(&tokens, &mut logits).expect("tokens of the vocabulary");
            for (got, row) in logits.chunks_exact(case.tokens).zip(rows) {
                assert_eq!(bits(got), expected[*row], "seed {seed}: {rows:?}");
            }
        }
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let lstm = Lstm::new(Config::new(4, 6)).expect("a valid configuration");
    let params: Vec<Vec<f32>> = lstm.specs().iter().map(|spec| vec![0.1; spec.len()]).collect();
    let params: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
    let packed = Arc::new(lstm.pack(&params).expect("parameters of the right shapes"));
    let (weight, table) = (vec![0.0; 60], vec![0.0; 40]);
    let linear =
        |outputs, inputs| Linear { weight: &weight[..outputs * inputs], bias: None, features: [outputs, inputs] };
    let right = Parts { embedding: Some(&table), projection: None, memory: None, head: linear(10, 6) };
    let short = Linear { weight: &weight[..59], ..right.head };
    let cases = [
        (Parts { embedding: Some(&table[1..]), ..right }, "the embedding must have shape [10, 4]"),
        (Parts { embedding: None, ..right }, "the LSTM's input must have shape [V=10]"),
        (Parts { head: linear(10, 5), ..right }, "the head must have shape [V=10, 6]"),
        (Parts { head: linear(0, 6), ..right }, "the vocabulary must be"),
        (Parts { head: short, ..right }, "weight must have shape [10, 6]"),
        (Parts { projection: Some(linear(6, 5)), ..right }, "the projection must have shape [_, 6]"),
        (Parts { projection: Some(linear(5, 6)), ..right }, "the head must have shape [V=10, 5]"),
        (Parts { memory: Some(2), ..right }, "the projection must have shape [_, 8]"),
        (Parts { memory: Some(2), projection: Some(linear(6, 6)), ..right }, "the projection must have shape [_, 8]"),
        (Parts { memory: Some(0), ..right }, "the projection must have shape [_, 6]"),
    ];
    assert!(LanguageModel::new(lstm.clone(), packed.clone(), right).is_ok());
    for (parts, sentence) in cases {
        let error = LanguageModel::new(lstm.clone(), packed.clone(), parts).expect_err(sentence).to_string();
        assert!(error.starts_with(sentence), "{error:?} must begin with {sentence:?}");
    }
}

#[test]
fn a_decoder_looks_back_as_its_layers_do() {
    for seed in 200..230 {
        let mut rng = Rng::new(seed ^ 0xdec);
        let rows = rng.pick(&[1, 2, 5]);
        everywhere(&format!("seed {seed}"), |level| {
            let case = Case::with(seed, level, true);
            let mut rng = Rng::new(seed);
            let ids: Vec<Vec<u32>> =
                (0..rows).map(|_| (0..4).map(|_| rng.below(case.tokens) as u32).collect()).collect();
            let memories: Vec<Arc<Memory>> = (0..rows).map(|_| case.memory(&mut rng)).collect();
            let (expected, plain) = (case.whole(&ids, &memories), case.plain(&ids, &memories));
            let off = error(&expected, &plain, 1.0);
            assert!(off < 1e-5, "seed {seed}: off by {off:e}");
            for largest in [0, usize::MAX] {
                let model = case.model(largest);
                let mut together = model.stream_with(memories.clone()).expect("memories that fit");
                let mut alone: Vec<TokenStream> = (memories.iter())
                    .map(|memory| model.stream_with(vec![memory.clone()]).expect("a memory that fits"))
                    .collect();
                for t in 0..4 {
                    let tokens: Vec<u32> = ids.iter().map(|row| row[t]).collect();
                    for (b, row) in step(&mut together, &tokens).iter().enumerate() {
                        let whole = &expected[(b * 4 + t) * case.tokens..][..case.tokens];
                        assert_eq!(bits(row), bits(whole), "seed {seed}, largest table {largest}, row {b}, step {t}");
                        assert_eq!(bits(row), bits(&step(&mut alone[b], &tokens[b..=b])[0]), "seed {seed}: {b} alone");
                    }
                }
            }
            vec![expected]
        });
    }
}

#[test]
fn selected_rows_and_forks_keep_their_memories() {
    for seed in 300..320 {
        let case = Case::with(seed, Level::available()[0], true);
        let mut rng = Rng::new(seed);
        let memories: Vec<Arc<Memory>> = (0..3).map(|_| case.memory(&mut rng)).collect();
        let model = case.model(usize::MAX);
        let mut stream = model.stream_with(memories.clone()).expect("memories that fit");
        let mut token = |_| rng.below(case.tokens) as u32;
        let mut ids: Vec<Vec<u32>> = (0..3).map(|_| vec![token(0)]).collect();
        step(&mut stream, &[ids[0][0], ids[1][0], ids[2][0]]);
        for rows in [&[0, 1, 2][..], &[2, 0], &[1, 1, 2, 0, 0]] {
            let (mut other, mut remembered) = (stream.fork(), memories.clone());
            let mut written = ids.clone();
            // Twice, so that the second time rows are selected of those that were.
            for rows in [rows, &[1, 0]] {
                other.select(rows).expect("rows that are there");
                written = rows.iter().map(|row| written[*row].clone()).collect();
                remembered = rows.iter().map(|row| remembered[*row].clone()).collect();
                written.iter_mut().for_each(|row| row.push(token(0)));
                let last: Vec<u32> = written.iter().map(|row| row[row.len() - 1]).collect();
                let whole = case.whole(&written, &remembered);
                let whole = whole.chunks_exact(case.tokens).skip(written[0].len() - 1).step_by(written[0].len());
                for (row, (got, expected)) in step(&mut other, &last).iter().zip(whole).enumerate() {
                    assert_eq!(bits(got), bits(expected), "seed {seed}: {rows:?}, row {row}");
                }
            }
            assert!(other.select(&[2]).is_err() && other.select(&[]).is_err(), "there are two rows");
            assert_eq!(other.batch(), 2);
            step(&mut other, &[0, 0]);
        }
        // The forks have left the stream where it was.
        ids.iter_mut().for_each(|row| row.push(0));
        let whole = case.whole(&ids, &memories);
        let last = whole.chunks_exact(case.tokens).skip(1).step_by(2);
        for (got, expected) in step(&mut stream, &[0; 3]).iter().zip(last) {
            assert_eq!(bits(got), bits(expected), "seed {seed}");
        }
    }
}

#[test]
fn memories_that_do_not_fit_are_refused() {
    let decoder = Case::with(400, Level::available()[0], true);
    let (width, seen) = (decoder.lstm.output_size(), decoder.memory.expect("a decoder"));
    let memory = |keys: usize, values: usize, steps: usize| {
        Arc::new(Memory { keys: vec![0.0; keys], values: vec![0.0; values], steps })
    };
    let model = decoder.model(usize::MAX);
    let fits = memory(2 * width, 2 * seen, 2);
    assert!(model.stream_with(vec![fits.clone()]).is_ok());
    let cases = [
        (model.stream(1), "memories must be one for each sequence, got none".to_owned()),
        (model.stream_with(vec![]), "batch_size must be at least 1, got 0".to_owned()),
        (
            model.stream_with(vec![fits.clone(), memory(2 * width - 1, 2 * seen, 2)]),
            format!("the keys of a memory must have shape [2, {width}]"),
        ),
        (
            model.stream_with(vec![memory(2 * width, 2 * seen + 1, 2)]),
            format!("the values of a memory must have shape [2, {seen}]"),
        ),
        (
            Case::new(400, Level::available()[0]).model(usize::MAX).stream_with(vec![fits]),
            "memories must be none, as the model looks at none, got 1".to_owned(),
        ),
    ];
    for (result, sentence) in cases {
        let error = result.expect_err(&sentence).to_string();
        assert!(error.starts_with(&sentence), "{error:?} must begin with {sentence:?}");
    }
}
