use std::collections::HashMap;
use std::fmt;

/// A depth, in metres below the lowest tide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Depth(pub f64);

impl fmt::Display for Depth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.1} m", self.0)
    }
}

#[derive(Default)]
pub struct Chart {
    soundings: HashMap<(i32, i32), Depth>,
}

impl Chart {
    pub fn sound(&mut self, x: i32, y: i32, depth: f64) -> Result<(), String> {
        if depth.is_nan() {
            return Err(format!("no depth at ({}, {})", x, y));
        }
        self.soundings.insert((x, y), Depth(depth));
        Ok(())
    }

    pub fn shallowest(&self) -> Option<(&(i32, i32), &Depth)> {
        self.soundings.iter().min_by(|a, b| a.1 .0.total_cmp(&b.1 .0))
    }
}

fn parse<'a>(line: &'a str) -> Option<(&'a str, f64)> {
    let (name, depth) = line.split_once(": ")?;
    match depth.trim().parse::<f64>() {
        Ok(depth) if depth >= 0.0 => Some((name, depth)),
        _ => None,
    }
}

fn main() {
    let mut chart = Chart::default();
    for (at, line) in ["reef: 1.5", "bay: 7", "shoal: x"].iter().enumerate() {
        if let Some((name, depth)) = parse(line) {
            chart.sound(at as i32, 0, depth).expect("a depth");
            println!("{name}: {depth}");
        }
    }
    println!("{:?}", chart.shallowest().map(|(_, depth)| depth.to_string()));
}
