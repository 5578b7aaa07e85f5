//! Winners from a seed and a pool, and the parts of a split amount (§8).

use super::pool::PoolTree;
use super::seed::{SPLIT, Tickets, WINNERS};
use super::{canon::MAX_INT, hash::Hash32};
use std::collections::HashSet;

/// Indexes of `k` winners in the order of choice; `None` when fewer than `k` members have tickets.
/// O(k log n) for equal weights.
pub fn winners(pool: &PoolTree, seed: &Hash32, k: u64) -> Option<Vec<u64>> {
    if k > pool.eligible() {
        return None;
    }
    let wanted = usize::try_from(k).ok()?;
    let mut chosen = HashSet::new();
    let mut order = Vec::new();
    let mut tickets = Tickets::new(seed, pool.tickets(), WINNERS);
    while order.len() < wanted {
        let (owner, _) = pool.owner(tickets.next()?)?;
        if chosen.insert(owner) {
            order.push(owner);
        }
    }
    Some(order)
}

/// Divides `total` cents into `k` parts of at least `min` each, every division equally likely.
/// `None` unless `k` and `min` are at least 1 and `total ≥ k·min`.
pub fn split(seed: &Hash32, total: u64, k: u64, min: u64) -> Option<Vec<u64>> {
    let least = k.checked_mul(min)?;
    if k == 0 || min == 0 || total < least || total > MAX_INT {
        return None;
    }
    // `T' = T − k(m−1)`, which is at least k.
    let rest = total - (least - k);
    let cuts = usize::try_from(k - 1).ok()?;
    let mut cuts: Vec<u64> = Tickets::new(seed, rest - 1, SPLIT).take(cuts).map(|cut| cut + 1).collect();
    cuts.sort_unstable();
    cuts.push(rest);
    let mut before = 0;
    let parts = cuts.into_iter().map(|cut| {
        let part = cut - before + min - 1;
        before = cut;
        part
    });
    Some(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::super::{hash::sha256, seed::Keystream};
    use super::*;
    use proptest::prelude::*;

    /// The definition, with a drum that holds every ticket.
    fn naive(weights: &[u64], seed: &Hash32, k: usize) -> Vec<u64> {
        let mut drum: Vec<u64> = (0..).zip(weights).flat_map(|(i, w)| (0..*w).map(move |_| i)).collect();
        let mut stream = Keystream::new(seed, WINNERS);
        let mut won = Vec::new();
        for t in 0..drum.len() {
            if won.len() == k {
                break;
            }
            let left = u64::try_from(drum.len() - t).unwrap();
            drum.swap(t, t + usize::try_from(stream.uniform(left)).unwrap());
            if !won.contains(&drum[t]) {
                won.push(drum[t]);
            }
        }
        won
    }

    proptest! {
        #[test]
        fn winners_are_those_of_a_full_drum(
            weights in proptest::collection::vec(0..6_u64, 1..40),
            seed in any::<u64>(),
            share in 0..=100_usize,
        ) {
            let seed = sha256(&seed.to_be_bytes());
            let pool = PoolTree::from_leaves(weights.iter().map(|w| (sha256(b"p"), *w))).unwrap();
            let eligible = weights.iter().filter(|w| **w > 0).count();
            let k = eligible * share / 100;
            prop_assert_eq!(winners(&pool, &seed, u64::try_from(k).unwrap()), Some(naive(&weights, &seed, k)));
            prop_assert_eq!(winners(&pool, &seed, u64::try_from(eligible).unwrap() + 1), None);
        }

        #[test]
        fn parts_add_up_and_are_large_enough(k in 1..50_u64, min in 1..100_u64, extra in 0..10_000_u64) {
            let total = k * min + extra;
            let parts = split(&sha256(b"s"), total, k, min).unwrap();
            prop_assert_eq!(u64::try_from(parts.len()).unwrap(), k);
            prop_assert_eq!(parts.iter().sum::<u64>(), total);
            prop_assert!(parts.iter().all(|part| *part >= min));
        }
    }

    /// Chi-square in thousandths of counts against what their weights ask for.
    fn chi_square(counts: &[u64], weights: &[u64]) -> u64 {
        let (drawn, tickets): (u64, u64) = (counts.iter().sum(), weights.iter().sum());
        let parts = counts.iter().zip(weights).map(|(count, weight)| {
            let expected = drawn * weight / tickets;
            count.abs_diff(expected).pow(2) * 1000 / expected
        });
        parts.sum()
    }

    #[test]
    fn a_hundred_thousand_draws_follow_the_weights() {
        const DRAWS: u64 = 100_000;
        let weights: Vec<u64> = (0..20).map(|i| 1 + i % 4).collect();
        let pool = PoolTree::from_leaves(weights.iter().map(|w| (sha256(b"p"), *w))).unwrap();
        let mut first = vec![0; weights.len()];
        let mut second = [0_u64; 4];
        for draw in 0..DRAWS {
            let order = winners(&pool, &sha256(&draw.to_be_bytes()), 2).unwrap();
            first[usize::try_from(order[0]).unwrap()] += 1;
            second[usize::try_from(order[1] % 4).unwrap()] += 1;
        }
        // 19 degrees of freedom: 43.8 is passed by one honest run in a thousand. The seeds are fixed.
        assert!(chi_square(&first, &weights) < 43_800, "{first:?}");
        // A bias of one in fifty would be seen.
        let mut biased = first.clone();
        biased[0] += biased[0] / 5;
        assert!(chi_square(&biased, &weights) > 43_800, "{biased:?}");
        // The second winner comes from those who are left: weight classes win less than their share of tickets the
        // heavier they are, since the heavy have often won already.
        let share: Vec<u64> = second.iter().map(|count| count * 1000 / DRAWS).collect();
        assert!((100..105).contains(&share[0]) && (386..396).contains(&share[3]), "{share:?}");
    }

    #[test]
    fn impossible_splits_are_refused() {
        let seed = sha256(b"s");
        for (total, k, min) in
            [(9, 1, 10), (10, 0, 1), (10, 1, 0), (u64::MAX, u64::MAX, u64::MAX), (u64::MAX, 1, 1)]
        {
            assert_eq!(split(&seed, total, k, min), None);
        }
        assert_eq!(split(&seed, 10, 10, 1), Some(vec![1; 10]));
    }
}
