//! A linear map of each step.
//!
//! ```text
//! forward    y  = x Wᵀ + b
//! backward   dx = dy W      dW = dyᵀ x      db = 1ᵀ dy          the sums over the steps that count, in their order
//! ```

use super::steps::{Steps, check_shape, clear_padding};
use crate::Error;
use crate::kernels::product::{Matrix, Product, Start};
use crate::simd::Level;

/// The parameters of a linear layer from `C` to `O` features.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a> {
    /// `[O, C]`, as torch has it.
    pub weight: &'a [f32],
    /// `[O]`, if there is one.
    pub bias: Option<&'a [f32]>,
    /// `[O, C]`
    pub features: [usize; 2],
}

/// Where backward puts the gradients that are wanted.
#[derive(Debug, Default)]
pub struct Gradients<'a> {
    /// That of x, `[B, T, C]`, is written here; zeros where a step does not count.
    pub x: Option<&'a mut [f32]>,
    /// That of the weight, `[O, C]`, is added here.
    pub weight: Option<&'a mut [f32]>,
    /// That of the bias, `[O]`, is added here.
    pub bias: Option<&'a mut [f32]>,
}

impl Linear<'_> {
    /// Writes `y` `[B, T, O]` for `x` `[B, T, C]`; zeros where a step does not count.
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn forward(&self, level: Level, x: &[f32], steps: &Steps<'_>, y: &mut [f32]) -> Result<(), Error> {
        let [outputs, inputs] = self.features;
        self.check(x, steps, ("y", y.len()))?;
        clear_padding(steps, outputs, y);
        let start = self.bias.map_or(Start::Zero, Start::Row);
        Product::new(Matrix::new(x, [1, steps.rows(), inputs]), self.matrix().turned())
            .start(start)
            .rows(steps.runs())
            .compute(level, 1, y);
        Ok(())
    }

    /// The gradients for `dy` `[B, T, O]`, with the `x` of forward; neither matters where a step does not count.
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn backward(
        &self,
        level: Level,
        x: &[f32],
        steps: &Steps<'_>,
        dy: &[f32],
        gradients: Gradients<'_>,
    ) -> Result<(), Error> {
        let [outputs, inputs] = self.features;
        let rows = steps.rows();
        self.check(x, steps, ("dy", dy.len()))?;
        let (x, dy) = (Matrix::new(x, [1, rows, inputs]), Matrix::new(dy, [1, rows, outputs]));
        if let Some(dx) = gradients.x {
            check_shape("dx", dx.len(), &[steps.batch(), steps.time(), inputs])?;
            clear_padding(steps, inputs, dx);
            Product::new(dy, self.matrix()).rows(steps.runs()).compute(level, 1, dx);
        }
        if let Some(dweight) = gradients.weight {
            check_shape("the gradient of weight", dweight.len(), &[outputs, inputs])?;
            Product::new(dy.turned(), x).depth(steps.runs()).start(Start::Out).compute(level, 1, dweight);
        }
        if let Some(dbias) = gradients.bias {
            check_shape("the gradient of bias", dbias.len(), &[outputs])?;
            let ones = vec![1.0; rows];
            let ones = Matrix::new(&ones, [1, 1, rows]);
            Product::new(ones, dy).depth(steps.runs()).start(Start::Out).compute(level, 1, dbias);
        }
        Ok(())
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(self.weight, [1, self.features[0], self.features[1]])
    }

    fn check(&self, x: &[f32], steps: &Steps<'_>, y: (&str, usize)) -> Result<(), Error> {
        let [outputs, inputs] = self.features;
        check_shape("weight", self.weight.len(), &[outputs, inputs])?;
        if let Some(bias) = self.bias {
            check_shape("bias", bias.len(), &[outputs])?;
        }
        check_shape("x", x.len(), &[steps.batch(), steps.time(), inputs])?;
        check_shape(y.0, y.1, &[steps.batch(), steps.time(), outputs])
    }
}
