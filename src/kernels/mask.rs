//! Random masks by address: dropout, zoneout and weight drop ask for the value of one element, and nothing is stored.
//!
//! An element's value follows from (seed, step, site, time, row, index) alone, so it is the same for any number of
//! threads, in any batch order, and in backward as in forward.

use crate::rng::{Coin, Key};
use crate::simd::{LANES, Simd};

/// What a mask is for; each purpose draws numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Dropout of the layer's input: the network's input or what the layer below gives.
    Input,
    /// Locked dropout of the hidden state inside the recurrence.
    Recurrent,
    /// Zoneout of the hidden state.
    ZoneoutH,
    /// Zoneout of the cell state.
    ZoneoutC,
    /// Dropped connections of the recurrent matrix.
    Weight,
    /// A dropout layer of its own.
    Dropout,
}

/// A mask: zero, or one value elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    key: Key,
    coin: Coin,
    scale: f32,
    site: u32,
}

impl Mask {
    /// Zero with the chance `p`, else `1 / (1 - p)`.
    pub fn dropout(key: Key, layer: usize, direction: usize, purpose: Purpose, p: f32) -> Self {
        let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
        Mask { key, coin: Coin::new(p), scale, site: site(layer, direction, purpose) }
    }

    /// One with the chance `p`, where the old value stays, else zero.
    pub fn zoneout(key: Key, layer: usize, direction: usize, purpose: Purpose, p: f32) -> Self {
        Mask { key, coin: Coin::keeping(p), scale: 1.0, site: site(layer, direction, purpose) }
    }

    /// The values of the elements `16 vector .. 16 vector + 16`.
    #[inline(always)]
    pub fn values(self, time: usize, row: usize, vector: usize) -> [f32; LANES] {
        self.coin.mask(self.key.lanes(self.site, time as u32, row as u32, vector as u32), self.scale)
    }

    /// The same as a vector.
    #[inline(always)]
    pub fn vector<S: Simd>(self, s: S, time: usize, row: usize, vector: usize) -> S::V {
        s.from_array(self.values(time, row, vector))
    }

    /// The value of one element.
    pub fn value(self, time: usize, row: usize, index: usize) -> f32 {
        self.values(time, row, index / LANES)[index % LANES]
    }

    /// Multiplies `values`, the elements from 0 on, by the mask.
    #[inline(always)]
    pub fn apply<S: Simd>(self, s: S, time: usize, row: usize, values: &mut [f32]) {
        for (vector, part) in values.chunks_mut(LANES).enumerate() {
            let masked = s.mul(s.load_slice(part), self.vector(s, time, row, vector));
            s.store_slice(part, masked);
        }
    }
}

fn site(layer: usize, direction: usize, purpose: Purpose) -> u32 {
    ((layer as u32) * 2 + direction as u32) * 8 + purpose as u32
}
