//! The kernels that the benches time, with operands: a product of the recurrence, and the gate stage.
//!
//! Results are checked when the operands are made, so that nobody times a wrong one.

use rustlstm::buffer::Shelf;
use rustlstm::kernels::cell::{self, Cell, Slots};
use rustlstm::kernels::gemm::multiply;
use rustlstm::kernels::gemm::pack::{Packed, panel};
use rustlstm::simd::{Kernel, LANES, Level, Simd, dispatch};
use rustlstm::view::Grid;
use std::rc::Rc;

/// A product as the recurrence asks for it: so many rows of `h` by the matrix of the four gates.
pub struct Product {
    level: Level,
    rows: usize,
    right: Rc<Packed>,
    left: Vec<f32>,
    init: Vec<f32>,
    out: Vec<f32>,
}

/// The matrix of products, which may share it.
pub fn weights(level: Level, hidden: usize) -> Rc<Packed> {
    Rc::new(Packed::straight(level, &Shelf::new(), &vec![0.5; hidden * 4 * hidden], hidden, 4 * hidden, Some))
}

impl Product {
    pub fn new(level: Level, rows: usize, weights: &Rc<Packed>) -> Product {
        let (right, hidden) = (weights.clone(), weights.depth);
        // Rows lie a power of two apart and some more, as in the layer: else they fall into the same cache sets.
        let (left, init) = (vec![0.25; rows * (hidden + LANES)], vec![1.0; 4 * hidden]);
        let mut product = Product { level, rows, right, left, init, out: vec![0.0; rows * 4 * hidden] };
        product.run();
        assert!(product.out.iter().all(|&sum| sum == 1.0 + 0.125 * hidden as f32), "the product is right");
        product
    }

    pub fn run(&mut self) {
        let (p, hidden) = (panel(self.level), self.right.depth);
        // SAFETY: one worker only.
        let (left, init, out) = unsafe {
            (
                Grid::read(&self.left, hidden + LANES, p),
                Grid::read(&self.init, 0, p),
                Grid::new(&mut self.out, 4 * hidden, p),
            )
        };
        dispatch(self.level, Multiply { rows: self.rows, left, right: &self.right, init, out });
    }

    pub fn flops(&self) -> u64 {
        (2 * self.rows * self.right.depth * self.right.vectors * LANES) as u64
    }
}

/// The four gates of sixteen units at a time.
struct Multiply<'a> {
    rows: usize,
    left: Grid<'a>,
    right: &'a Packed,
    init: Grid<'a>,
    out: Grid<'a>,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for v in (0..self.right.vectors).step_by(4) {
            multiply(s, self.rows, self.right.depth, self.left, self.right.grid(), v..v + 4, self.init, self.out);
        }
    }
}

const ROWS: usize = 16;
const VECTORS: usize = 8;

/// The gate stage on a tile that stays in the first-level cache.
pub struct GateStage {
    level: Level,
    cell: Cell,
    z: Vec<f32>,
    before: Vec<f32>,
    after: Vec<f32>,
    m: Vec<f32>,
}

impl GateStage {
    /// Units of all rows together.
    pub const UNITS: usize = ROWS * VECTORS * LANES;

    pub fn new(level: Level, cell: Cell) -> GateStage {
        let [before, after, m] = [0.0; 3].map(|x| vec![x; Self::UNITS]);
        let mut stage = GateStage { level, cell, z: vec![0.3; 4 * Self::UNITS], before, after, m };
        stage.run();
        let sigmoid = 1.0 / (1.0 + (-0.3f32).exp());
        let expected = sigmoid * (sigmoid * 0.3f32.tanh()).tanh();
        assert!(stage.m.iter().all(|m| (m - expected).abs() < 1e-6), "the gate stage is right");
        stage
    }

    pub fn run(&mut self) {
        let p = panel(self.level);
        // SAFETY: one worker only.
        let (z, c_before, c, m) = unsafe {
            (
                Grid::read(&self.z, VECTORS * 4 * LANES, p),
                Grid::read(&self.before, VECTORS * LANES, p),
                Grid::new(&mut self.after, VECTORS * LANES, p),
                Grid::new(&mut self.m, VECTORS * LANES, p),
            )
        };
        let stage = cell::Forward {
            cell: &self.cell,
            slots: Slots { first: 0, rows: ROWS, time: 0 },
            units: 0..VECTORS,
            z,
            peephole: None,
            c_before,
            c,
            m,
            gates: None,
            fresh: None,
            zoneout: None,
        };
        dispatch(self.level, Gates(stage));
    }
}

struct Gates<'a>(cell::Forward<'a>);

impl Kernel for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        cell::forward(s, &self.0);
    }
}
