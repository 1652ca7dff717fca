//! A measurement beside its baseline, and what the pairs of a scenario come to.

use std::fmt;

/// One baseline and one measurement.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// In milliseconds.
    pub(crate) baseline: f64,
    /// In milliseconds.
    pub(crate) p99: f64,
    /// Attempts under way at the same time, at most.
    pub(crate) in_flight: usize,
    /// Connections from the server at the same time, at most.
    pub(crate) sockets: usize,
    /// What else there is to say; whatever broke a rule begins with `!`.
    pub(crate) note: String,
}

/// So many times the baseline, or so many milliseconds more.
pub(crate) struct Goal {
    pub(crate) times: f64,
    pub(crate) millis: f64,
}

impl Goal {
    fn is_met(&self, pair: &Pair) -> bool {
        pair.p99 <= (pair.baseline * self.times).max(pair.baseline + self.millis)
    }
}

/// A scenario in the table.
pub(crate) struct Row {
    name: &'static str,
    pairs: Vec<Pair>,
    met: usize,
}

impl Row {
    pub(crate) const HEAD: &'static str =
        "scenario     baseline       p99     ratio  in flight   sockets  verdict";

    pub(crate) fn of(name: &'static str, goal: Goal, pairs: Vec<Pair>) -> Self {
        let met = pairs.iter().filter(|pair| goal.is_met(pair)).count();
        Self { name, pairs, met }
    }

    /// Most pairs, and so the median one, met the goal, and no pair broke a rule.
    pub(crate) fn held(&self) -> bool {
        self.met * 2 > self.pairs.len() && !self.pairs.iter().any(|pair| pair.note.starts_with('!'))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, pairs, met } = self;
        let most = |of: fn(&Pair) -> usize| pairs.iter().map(of).max().unwrap_or(0);
        write!(
            f,
            "{name:<10} {:>10.2} {:>9.2} {:>9.2} {:>10} {:>9}  {} in {met} of {} pairs",
            median(pairs, |pair| pair.baseline),
            median(pairs, |pair| pair.p99),
            median(pairs, |pair| pair.p99 / pair.baseline),
            most(|pair| pair.in_flight),
            most(|pair| pair.sockets),
            if self.held() { "held" } else { "NOT HELD" },
            pairs.len(),
        )?;
        pairs.iter().try_for_each(|pair| {
            write!(f, "\n           {:.2} → {:.2}{}", pair.baseline, pair.p99, pair.note)
        })
    }
}

fn median(pairs: &[Pair], of: impl Fn(&Pair) -> f64) -> f64 {
    let mut values: Vec<_> = pairs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
