//! Convolution of images `[N, H, W, C]`, channels last; that of a sequence is one over an image of height 1.
//!
//! ```text
//! patch(n, oh, ow) = the pixels under a window, tap by tap, zeros where there is none          K = taps · C values
//! forward    y  = patches(x) · W + bias          W [K, O]
//! backward   dx = patches(dy) · W'               W' [taps · O, C]: a pixel sees, tap by tap, the window it was under
//!            dW = patches(x)ᵀ · dy               dbias = 1ᵀ · dy, as if each patch had a last value of one
//! ```
//!
//! Patches are made in blocks of rows and never all at once. Each element of a result is one chain of multiply-adds, over
//! a patch or over the rows in order: a sequence has the bits that it has alone, and padding moves none. A stride makes
//! most of what a pixel looks for in dy absent; these zeros are multiplied all the same.

use super::inlet::padded;
use super::steps::check_shape;
use super::window::Slide;
use crate::Error;
use crate::buffer::{Buffer, Shelf};
use crate::kernels::gemm::multiply;
use crate::kernels::gemm::pack::Packed;
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads::{self, Worker};
use crate::view::{Grid, SeqMut};

/// Rows of a block of patches that are multiplied by a matrix.
const ROWS: usize = 96;
/// Rows of a block of a sum over all rows.
const BLOCK: usize = 256;

/// The parameters of a convolution from `C` to `O` channels.
#[derive(Debug, Clone, Copy)]
pub struct Conv<'a> {
    /// `[O, C, kh, kw]`, as torch has it.
    pub weight: &'a [f32],
    /// `[O]`, if there is one.
    pub bias: Option<&'a [f32]>,
    /// `[O, C]`
    pub channels: [usize; 2],
}

/// Where backward puts the gradients that are wanted.
#[derive(Debug, Default)]
pub struct Gradients<'a> {
    /// That of x, `[N, H, W, C]`, is written here.
    pub x: Option<&'a mut [f32]>,
    /// Those of the weight `[O, C, kh, kw]` and the bias `[O]` are added here.
    pub parameters: Option<(&'a mut [f32], &'a mut [f32])>,
}

impl Conv<'_> {
    /// Writes the convolution of `x` `[N, H, W, C]` to `y` `[N, OH, OW, O]`; zeros where an image has no window.
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn forward(&self, level: Level, x: &[f32], slide: &Slide<'_>, y: &mut [f32]) -> Result<(), Error> {
        let [outputs, inputs] = self.channels;
        self.check(x, slide, ("y", y.len()))?;
        let matrix = self.matrix(slide, |tap, output, input| (tap * inputs + input) * outputs + output);
        let mut bias = Buffer::zeros(outputs.next_multiple_of(LANES));
        if let Some(values) = self.bias {
            bias[..outputs].copy_from_slice(values);
        }
        let patches = Patches { slide, values: x, channels: inputs, of: Of::Windows };
        product(level, patches, &matrix, outputs, &bias, y)
    }

    /// The gradients for `dy` `[N, OH, OW, O]`, with the `x` of forward; `dy` does not matter where there is no window.
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn backward(
        &self,
        level: Level,
        x: &[f32],
        slide: &Slide<'_>,
        dy: &[f32],
        gradients: Gradients<'_>,
    ) -> Result<(), Error> {
        let [outputs, inputs] = self.channels;
        self.check(x, slide, ("dy", dy.len()))?;
        if let Some(dx) = gradients.x {
            let [n, height, width] = slide.images;
            check_shape("dx", dx.len(), &[n, height, width, inputs])?;
            let matrix = self.matrix(slide, |tap, output, input| (tap * outputs + output) * inputs + input);
            let nothing = Buffer::zeros(inputs.next_multiple_of(LANES));
            let patches = Patches { slide, values: dy, channels: outputs, of: Of::Pixels };
            product(level, patches, &matrix, inputs, &nothing, dx)?;
        }
        if let Some((dweight, dbias)) = gradients.parameters {
            check_shape("the gradient of weight", dweight.len(), &[self.weight.len()])?;
            check_shape("the gradient of bias", dbias.len(), &[outputs])?;
            let patches = Patches { slide, values: x, channels: inputs, of: Of::Windows };
            let depth = patches.depth();
            // A row for each output: the taps of the weight, and behind them the bias.
            let mut sums = vec![0.0; outputs * (depth + 1)];
            let view = &SeqMut::new(&mut sums, [1, outputs, depth + 1])?;
            threads::run(threads::worth(work(&patches, outputs)), |worker| {
                dispatch(level, Outer { patches, dy, outputs, sums: view, worker });
            });
            let area = slide.area();
            for (output, sums) in sums.chunks_exact(depth + 1).enumerate() {
                let dweight = &mut dweight[output * inputs * area..][..inputs * area];
                for (at, sum) in sums[..depth].iter().enumerate() {
                    dweight[at % inputs * area + at / inputs] += sum;
                }
                dbias[output] += sums[depth];
            }
        }
        Ok(())
    }

    fn check(&self, x: &[f32], slide: &Slide<'_>, y: (&str, usize)) -> Result<(), Error> {
        let ([outputs, inputs], [n, height, width]) = (self.channels, slide.images);
        let [rows, columns] = slide.axes.map(|axis| axis.kernel);
        check_shape("weight", self.weight.len(), &[outputs, inputs, rows, columns])?;
        if let Some(bias) = self.bias {
            check_shape("bias", bias.len(), &[outputs])?;
        }
        check_shape("x", x.len(), &[n, height, width, inputs])?;
        check_shape(y.0, y.1, &[n, slide.out[0], slide.out[1], outputs])
    }

    /// The weight in another order: `place(tap, output, input)` is where each element goes.
    fn matrix(&self, slide: &Slide<'_>, place: impl Fn(usize, usize, usize) -> usize) -> Vec<f32> {
        let (area, [_, inputs]) = (slide.area(), self.channels);
        let mut matrix = vec![0.0; self.weight.len()];
        for (at, value) in self.weight.iter().enumerate() {
            matrix[place(at % area, at / area / inputs, at / area % inputs)] = *value;
        }
        matrix
    }
}

/// What patches are taken for.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// The windows on x: a patch holds the pixels under one.
    Windows,
    /// The pixels of x: a patch holds the windows that were on one.
    Pixels,
}

/// The rows of values that stand side by side in the left side of a product.
#[derive(Clone, Copy)]
struct Patches<'a> {
    slide: &'a Slide<'a>,
    values: &'a [f32],
    channels: usize,
    of: Of,
}

impl Patches<'_> {
    /// The length of a patch.
    fn depth(&self) -> usize {
        self.slide.area() * self.channels
    }

    /// The extents `[H, W]` of what has patches, padding included.
    fn extent(&self) -> [usize; 2] {
        match self.of {
            Of::Windows => self.slide.out,
            Of::Pixels => [self.slide.images[1], self.slide.images[2]],
        }
    }

    /// The number of patches, those of padding included.
    fn rows(&self) -> usize {
        let [height, width] = self.extent();
        self.slide.images[0] * height * width
    }

    /// Whether a patch is one of its image, and not of padding.
    #[inline(always)]
    fn counts(&self, row: usize) -> bool {
        let [height, width] = self.extent();
        let n = row / (height * width);
        let there = if self.of == Of::Windows { self.slide.out_width(n) } else { self.slide.width(n) };
        row % width < there
    }

    /// Writes a patch.
    #[inline(always)]
    fn fill(&self, row: usize, to: &mut [f32]) {
        let ([height, width], [down, along]) = (self.extent(), self.slide.axes);
        let (n, h, w) = (row / (height * width), row / width % height, row % width);
        let (lines, stride, there) = match self.of {
            Of::Windows => (self.slide.images[1], self.slide.images[2], self.slide.width(n)),
            Of::Pixels => (self.slide.out[0], self.slide.out[1], self.slide.out_width(n)),
        };
        for i in 0..down.kernel {
            let line = match self.of {
                Of::Windows => down.place(h, i, lines),
                Of::Pixels => down.position(h, i, lines),
            };
            for j in 0..along.kernel {
                let column = match self.of {
                    Of::Windows => along.place(w, j, there),
                    Of::Pixels => along.position(w, j, there),
                };
                let to = &mut to[(i * along.kernel + j) * self.channels..][..self.channels];
                match (line, column) {
                    (Some(line), Some(column)) => {
                        let from = ((n * lines + line) * stride + column) * self.channels;
                        to.copy_from_slice(&self.values[from..][..self.channels]);
                    }
                    _ => to.fill(0.0),
                }
            }
        }
    }
}

fn work(patches: &Patches<'_>, columns: usize) -> usize {
    patches.rows().saturating_mul(patches.depth()).saturating_mul(columns)
}

/// Writes `patches · matrix + bias` to `to` `[rows, columns]`, zeros in the rows of padding.
fn product(
    level: Level,
    patches: Patches<'_>,
    matrix: &[f32],
    columns: usize,
    bias: &Buffer,
    to: &mut [f32],
) -> Result<(), Error> {
    if to.is_empty() {
        return Ok(());
    }
    let packed = &Packed::straight(level, &Shelf::new(), matrix, patches.depth(), columns, Some);
    let to = &SeqMut::new(to, [1, patches.rows(), columns])?;
    threads::run(threads::worth(work(&patches, columns)), |worker| {
        dispatch(level, Product { patches, packed, columns, bias, to, worker });
    });
    Ok(())
}

struct Product<'a> {
    patches: Patches<'a>,
    packed: &'a Packed,
    columns: usize,
    bias: &'a Buffer,
    to: &'a SeqMut<'a>,
    worker: &'a Worker<'a>,
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Product { patches, packed, columns, bias, to, worker } = self;
        let (depth, vectors) = (patches.depth(), columns.div_ceil(LANES));
        let (left_row, out_row) = (padded(depth), padded(columns));
        let mine = worker.share(patches.rows());
        let most = ROWS.min(mine.len());
        let (mut left, mut out) = (Buffer::zeros(most * left_row), Buffer::zeros(most * out_row));
        for begin in mine.clone().step_by(ROWS) {
            let mut rows = [0; ROWS];
            let mut count = 0;
            for row in begin..mine.end.min(begin + ROWS) {
                if patches.counts(row) {
                    patches.fill(row, &mut left[count * left_row..][..depth]);
                    rows[count] = row;
                    count += 1;
                } else {
                    // SAFETY: rows are shared out.
                    unsafe { to.row(0, row) }.fill(0.0);
                }
            }
            worker.poll(count * depth * vectors * LANES);
            // SAFETY: the buffers are this worker's own, and the bias is only read.
            let (left, bias, sums) = unsafe {
                let left = Grid::read(&left, left_row, S::PANEL);
                (left, Grid::read(bias, 0, S::PANEL), Grid::new(&mut out, out_row, S::PANEL))
            };
            multiply(s, count, depth, left, packed.grid(), 0..vectors, bias, sums);
            for (at, &row) in rows[..count].iter().enumerate() {
                // SAFETY: rows are shared out, and the sums are this worker's own.
                unsafe { to.row(0, row).copy_from_slice(sums.slice(at, columns)) };
            }
        }
    }
}

/// The sums `dyᵀ · (patches, 1)`; a worker has some of the columns, and goes through all rows.
struct Outer<'a> {
    patches: Patches<'a>,
    dy: &'a [f32],
    outputs: usize,
    /// `[1, O, depth + 1]`
    sums: &'a SeqMut<'a>,
    worker: &'a Worker<'a>,
}

impl Kernel for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Outer { patches, dy, outputs, sums, worker } = self;
        let depth = patches.depth();
        let panels = worker.share((depth + 1).div_ceil(S::PANEL));
        if panels.is_empty() || outputs == 0 {
            return;
        }
        let (first, columns) = (panels.start * S::PANEL, panels.len() * S::PANEL);
        let (left_row, sum_row) = (padded(BLOCK), padded(columns));
        // dy with its rows as columns, patches in panels, and a patch as it is made.
        let (mut left, mut right) = (Buffer::zeros(outputs * left_row), Buffer::zeros(columns * BLOCK));
        let (mut sum, mut patch) = (Buffer::zeros(outputs * sum_row), vec![0.0; first + columns.max(depth + 1)]);
        let (mut row, rows) = (0, patches.rows());
        while row < rows {
            let mut count = 0;
            while row < rows && count < BLOCK {
                if patches.counts(row) {
                    patches.fill(row, &mut patch[..depth]);
                    patch[depth] = 1.0;
                    for (panel, values) in patch[first..][..columns].chunks_exact(S::PANEL).enumerate() {
                        right[(panel * BLOCK + count) * S::PANEL..][..S::PANEL].copy_from_slice(values);
                    }
                    for (output, value) in dy[row * outputs..][..outputs].iter().enumerate() {
                        left[output * left_row + count] = *value;
                    }
                    count += 1;
                }
                row += 1;
            }
            worker.poll(count * outputs * columns);
            // SAFETY: the buffers are this worker's own.
            let (left, right, sum) = unsafe {
                let left = Grid::read(&left, left_row, S::PANEL);
                (left, Grid::read(&right, S::PANEL, BLOCK * S::PANEL), Grid::new(&mut sum, sum_row, S::PANEL))
            };
            multiply(s, outputs, count, left, right, 0..columns / LANES, sum, sum);
        }
        let there = columns.min(depth + 1 - first);
        for output in 0..outputs {
            // SAFETY: columns are shared out.
            let to = unsafe { sums.part(output, first, there) };
            to.copy_from_slice(&sum[output * sum_row..][..there]);
        }
    }
}
