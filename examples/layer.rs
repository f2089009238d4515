//! A layer from Rust: forward, gradients, and one step at a time. `cargo run --release --example layer`

use rustlstm::layers::{Config, Lstm, Pass, init};
use rustlstm::view::{Seq, SeqMut};
use std::sync::Arc;

fn main() -> Result<(), rustlstm::Error> {
    let (b, t, c, h) = (4, 10, 8, 32);
    let lstm = Lstm::new(Config::new(c, h))?;

    // Parameters and their gradients are yours: one buffer for each of `lstm.specs()`.
    let mut params: Vec<Vec<f32>> = Vec::new();
    for (i, spec) in lstm.specs().iter().enumerate() {
        let mut values = vec![0.0; spec.shape.iter().product()];
        init::uniform(&mut values, 1.0 / (h as f32).sqrt(), 0, i as u64);
        params.push(values);
    }
    let mut grads: Vec<Vec<f32>> = params.iter().map(|p| vec![0.0; p.len()]).collect();
    let packed = Arc::new(lstm.pack(&params.iter().map(Vec::as_slice).collect::<Vec<_>>())?);

    let x = vec![0.5; b * t * c];
    let mut y = vec![0.0; b * t * h];
    let x = Seq::new(&x, [b, t, c])?;
    let (state, cache) = lstm.forward(&packed, x, None, None, SeqMut::new(&mut y, [b, t, h])?, Pass::Record)?;

    let dy = vec![1.0; y.len()];
    let mut views: Vec<&mut [f32]> = grads.iter_mut().map(Vec::as_mut_slice).collect();
    let cache = cache.expect("Record keeps one");
    lstm.backward(&packed, x, cache, Some(Seq::new(&dy, [b, t, h])?), None, &mut views, None)?;

    let mut stream = lstm.stream(packed, 1)?;
    let mut step = vec![0.0; h];
    for _ in 0..t {
        stream.step(&[0.5; 8], &mut step)?;
    }
    assert_eq!(step, state.h[..h]); // the same bits as the sequence
    println!("h[0..4] = {:?} at level {}", &step[..4], lstm.level().name());
    Ok(())
}
