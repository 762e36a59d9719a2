//! The few colours that represent many best: k-means, with random, spread-out starting points
//! (k-means++).

use super::oklab::Lab;
use super::random::SplitMix64;

const ROUNDS: usize = 8;

/// At least one colour, unless there are no colours.
pub(super) fn of(colours: &[Lab], count: usize, seed: u64) -> Vec<Lab> {
    let mut palette = spread(colours, count, &mut SplitMix64::new(seed));
    for _ in 0..ROUNDS {
        palette = settled(colours, &palette);
    }
    palette
}

pub(super) fn nearest(palette: &[Lab], colour: Lab) -> usize {
    let mut best = (0, f32::INFINITY);
    for (index, &candidate) in palette.iter().enumerate() {
        let distance = distance(candidate, colour);
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best.0
}

/// Each further starting point is more likely the farther it is from the previous ones.
fn spread(colours: &[Lab], count: usize, random: &mut SplitMix64) -> Vec<Lab> {
    let Some(&first) = colours.get(random.below(colours.len())) else {
        return Vec::new();
    };
    let mut palette = vec![first];
    let mut distances: Vec<f32> = colours
        .iter()
        .map(|&colour| distance(first, colour))
        .collect();
    while palette.len() < count {
        let mut left = random.between(0.0, distances.iter().sum());
        let chosen = distances.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        let Some(chosen) = chosen else { break };
        palette.push(colours[chosen]);
        for (distance_so_far, &colour) in distances.iter_mut().zip(colours) {
            *distance_so_far = distance_so_far.min(distance(colours[chosen], colour));
        }
    }
    palette
}

fn settled(colours: &[Lab], palette: &[Lab]) -> Vec<Lab> {
    let mut sums = vec![([0.0_f32; 3], 0.0_f32); palette.len()];
    for &colour in colours {
        let (sum, count) = &mut sums[nearest(palette, colour)];
        *sum = std::array::from_fn(|i| sum[i] + colour[i]);
        *count += 1.0;
    }
    let mean = |(&(sum, count), &before): (&(Lab, f32), &Lab)| {
        if count > 0.0 {
            sum.map(|part| part / count)
        } else {
            before
        }
    };
    sums.iter().zip(palette).map(mean).collect()
}

fn distance(one: Lab, other: Lab) -> f32 {
    one.iter().zip(&other).map(|(a, b)| (a - b) * (a - b)).sum()
}
