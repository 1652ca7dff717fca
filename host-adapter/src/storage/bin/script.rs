//! What a bin answers: its faults on demand.

use std::{fmt, time::Duration};

use crate::config;

/// The answers of a bin to its requests, one after the other; 200 when all have been given.
///
/// Written as steps with commas between them. A step is a status code, or `reset`, with `*3` behind it for three times and
/// `*` for ever; then come, in any order, `delay=2s` before the answer, `drip=5s` for the time that its body takes,
/// and `retry-after=30` for that header, in seconds.
///
/// ```
/// use sealpost::storage::Script;
/// let script = Script::parse("500*2, 503 retry-after=1 delay=250ms, reset, 200")?;
/// assert_eq!(script.to_string(), "500*2, 503 delay=250ms retry-after=1, reset, 200");
/// assert_eq!(script.answer(1).status, Some(500));
/// assert_eq!(script.answer(99).status, Some(200));
/// # Ok::<(), sealpost::storage::ScriptError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(Vec<Step>);

/// How one request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code, from 200 to 599; `None`: the connection is reset instead.
    pub status: Option<u16>,
    /// How long the answer is held back.
    pub delay: Duration,
    /// How long the body takes, in small pieces, once the head is there.
    pub drip: Duration,
    /// Seconds in the `Retry-After` header.
    pub retry_after: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    answer: Answer,
    /// `None`: for ever.
    times: Option<u32>,
}

impl Answer {
    /// 200, at once.
    pub const OK: Self =
        Self { status: Some(200), delay: Duration::ZERO, drip: Duration::ZERO, retry_after: None };
    /// The longest delay and the longest drip.
    pub const LONGEST: Duration = Duration::from_secs(60);
    /// The longest `Retry-After`: a day.
    pub const LATEST: u32 = 86_400;
}

impl Script {
    /// The most steps.
    pub const MAX_STEPS: usize = 32;
    /// The longest text, in bytes.
    pub const MAX_LEN: usize = 1000;

    /// The script that a text describes; an empty one always answers 200.
    ///
    /// # Errors
    /// [`ScriptError`] says which step is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let wrong = |step, why| ScriptError { step, why };
        if text.len() > Self::MAX_LEN {
            return Err(wrong(1, "together the steps have at most 1000 characters"));
        }
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let steps = (1..).zip(text.split(',')).map(|(number, step)| {
            if number > Self::MAX_STEPS { Err("there are at most 32 steps") } else { Step::parse(step) }
                .map_err(|why| wrong(number, why))
        });
        steps.collect::<Result<_, _>>().map(Self)
    }

    /// The answer to the request of this number, counted from 1.
    #[must_use]
    pub fn answer(&self, number: u32) -> Answer {
        let mut left = number.saturating_sub(1);
        for step in &self.0 {
            match step.times {
                Some(times) if times <= left => left -= times,
                _ => return step.answer,
            }
        }
        Answer::OK
    }
}

impl Step {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut words = text.split_ascii_whitespace();
        let first = words.next().ok_or("it is empty: write a status code, or reset")?;
        let (what, times) = match first.split_once('*') {
            None => (first, Some(1)),
            Some((what, "")) => (what, None),
            Some((what, times)) => {
                let times = times.parse().ok().filter(|times| (1..=1_000_000).contains(times));
                (what, Some(times.ok_or("behind * stands a number up to 1000000, or nothing")?))
            }
        };
        let status = match what {
            "reset" => None,
            code => Some(status(code).ok_or("it begins with a status code from 200 to 599, or reset")?),
        };
        let mut answer = Answer { status, ..Answer::OK };
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "delay" => answer.delay = span(value)?,
                "drip" => answer.drip = span(value)?,
                "retry-after" => {
                    let seconds = value.parse().ok().filter(|seconds| *seconds <= Answer::LATEST);
                    answer.retry_after = Some(seconds.ok_or("retry-after is in seconds, at most 86400")?);
                }
                _ => return Err("behind the code stand delay=, drip= and retry-after= and nothing else"),
            }
        }
        if answer.status.is_none() && (!answer.drip.is_zero() || answer.retry_after.is_some()) {
            return Err("what is reset has no answer: only delay= makes sense with it");
        }
        Ok(Self { answer, times })
    }
}

fn status(code: &str) -> Option<u16> {
    (code.len() == 3).then(|| code.parse().ok())?.filter(|code| (200..=599).contains(code))
}

fn span(text: &str) -> Result<Duration, &'static str> {
    let span = config::duration(text).filter(|span| *span <= Answer::LONGEST);
    span.ok_or("delay and drip are times such as 250ms or 5s, at most 60s")
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answer, times } = self;
        answer.write_what(f)?;
        match times {
            Some(1) => {}
            Some(times) => write!(f, "*{times}")?,
            None => f.write_str("*")?,
        }
        answer.write_how(f)
    }
}

/// As a step is written.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_what(f)?;
        self.write_how(f)
    }
}

impl Answer {
    fn write_what(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}"),
            None => f.write_str("reset"),
        }
    }

    fn write_how(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, span) in [("delay", self.delay), ("drip", self.drip)] {
            match span.as_millis() {
                0 => {}
                millis if millis % 1000 == 0 => write!(f, " {name}={}s", millis / 1000)?,
                millis => write!(f, " {name}={millis}ms")?,
            }
        }
        match self.retry_after {
            Some(seconds) => write!(f, " retry-after={seconds}"),
            None => Ok(()),
        }
    }
}

/// Why a text is no script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The step that is wrong, counted from 1.
    pub step: usize,
    why: &'static str,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.why)
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(script: &str, count: u32) -> Vec<u16> {
        let script = Script::parse(script).expect(script);
        (1..=count).map(|number| script.answer(number).status.unwrap_or(0)).collect()
    }

    #[test]
    fn steps_are_taken_one_after_the_other_and_then_it_is_200() {
        assert_eq!(statuses("500, 500,200", 4), [500, 500, 200, 200]);
        assert_eq!(statuses("500*2, reset, 410*2", 7), [500, 500, 0, 410, 410, 200, 200]);
        assert_eq!(statuses("429*, 500", 3), [429, 429, 429]);
        assert_eq!(statuses("  ", 1), [200]);
    }

    #[test]
    fn a_step_says_how() {
        let answer = Script::parse("503*3 retry-after=7 drip=1500ms delay=2s").expect("a script").answer(2);
        let expected = Answer {
            status: Some(503),
            delay: Duration::from_secs(2),
            drip: Duration::from_millis(1500),
            retry_after: Some(7),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["", "500*2, reset delay=1s, 302*", "503 delay=250ms drip=5s retry-after=0, 200"] {
            assert_eq!(Script::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_script_is_refused_with_the_step() {
        for (text, step) in [
            ("199", 1),
            ("600", 1),
            ("0200", 1),
            ("200,,200", 2),
            ("200, 500*0", 2),
            ("500*x", 1),
            ("500 delay=61s", 1),
            ("500 delay", 1),
            ("500 retry-after=86401", 1),
            ("500 twice", 1),
            ("500, reset drip=1s", 2),
            (&"200,".repeat(40), 33),
            (&"200 ".repeat(300), 1),
        ] {
            assert_eq!(Script::parse(text).map_err(|error| error.step), Err(step), "{text}");
        }
    }
}
