//! Sequences of tokens with which a sequence ends; they are no part of what is handed out.

use crate::Error;

/// The ends of a sequence. A single token is an end as well: the one with the length 1.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    stops: Vec<Vec<u32>>,
    /// Those of one token.
    ends: Vec<u32>,
}

impl Stops {
    /// These stops of a model with so many tokens.
    ///
    /// # Errors
    /// When one is empty, or has a token that is not there.
    pub fn new(stops: Vec<Vec<u32>>, vocabulary: usize) -> Result<Self, Error> {
        for (index, stop) in stops.iter().enumerate() {
            let name = format!("stop[{index}]");
            if stop.is_empty() {
                return Err(Error::option(name, "at least one token", "none"));
            }
            if let Some(token) = stop.iter().find(|token| **token as usize >= vocabulary) {
                let expected = format!("tokens from 0 to V - 1 = {}", vocabulary as i64 - 1);
                return Err(Error::option(name, expected, token));
            }
        }
        let ends = stops.iter().filter(|stop| stop.len() == 1).map(|stop| stop[0]).collect();
        Ok(Stops { stops, ends })
    }

    /// The tokens that end a sequence by themselves.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.stops.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stops.is_empty()
    }

    /// The stop that ends what was drawn, the longest if there are several, and its length.
    pub fn found(&self, drawn: &[u32]) -> Option<(usize, usize)> {
        let fits = self.stops.iter().enumerate().filter(|(_, stop)| drawn.ends_with(stop));
        // Of equal ones the first, which `max_by_key` would not give.
        fits.rev().max_by_key(|(_, stop)| stop.len()).map(|(index, stop)| (index, stop.len()))
    }

    /// How many of the last tokens may be the beginning of a stop, and so cannot be handed out yet.
    pub fn held(&self, drawn: &[u32]) -> usize {
        let begun = |stop: &Vec<u32>| (1..stop.len()).rev().find(|count| drawn.ends_with(&stop[..*count])).unwrap_or(0);
        self.stops.iter().map(begun).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stop_is_found_and_no_beginning_is_let_out() {
        let stops = Stops::new(vec![vec![3], vec![1, 2, 3], vec![2, 3], vec![1, 1, 4]], 5).expect("tokens that exist");
        assert_eq!(stops.ends(), [3]);
        for (drawn, found, held) in [
            (&[][..], None, 0),
            (&[0, 1], None, 1),
            (&[1, 2], None, 2),
            (&[0, 1, 2, 3], Some((1, 3)), 0),
            (&[0, 2, 3], Some((2, 2)), 0),
            (&[3], Some((0, 1)), 0),
            (&[1, 1], None, 2),
            (&[1, 1, 1], None, 2),
            (&[1, 1, 4], Some((3, 3)), 0),
        ] {
            assert_eq!((stops.found(drawn), stops.held(drawn)), (found, held), "{drawn:?}");
        }
    }
}
