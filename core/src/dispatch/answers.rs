//! Which lanes answer, told without a clock: by how much more is in flight since they last did.
//!
//! Endpoints that are up and stop answering together show in one way only, until the first of their attempts
//! fails: more and more is in flight. So "lately" is counted in that growth. An *epoch* ends once a quarter of all
//! attempts that may be in flight has come on top of the fewest since it began. Attempts that are answered
//! as fast as others start never end one, and a lane that is quiet for a day still counts as answering.

use super::lane::Lane;

/// The number of an epoch.
pub(super) type Epoch = u32;

/// The epochs, and the attempts in flight of the lanes that answered in the last two.
///
/// A lane's attempts are counted by the epoch that stands with the lane, so that they move together.
#[derive(Debug)]
pub(super) struct Answers {
    epoch: Epoch,
    /// Attempts in flight above the fewest since the epoch began.
    grown: u32,
    /// In flight of lanes that answered in this epoch.
    now: u32,
    /// In flight of lanes that last answered in the one before.
    before: u32,
}

impl Answers {
    /// Stands with a lane that has not answered since it opened, or that failed since; no epoch has this number.
    pub(super) const NEVER: Epoch = 0;
    /// Neither this one nor the one before it is [`Answers::NEVER`].
    const FIRST: Epoch = 2;

    pub(super) const fn new() -> Self {
        Self { epoch: Self::FIRST, grown: 0, now: 0, before: 0 }
    }

    /// Whether the lane has answered in this epoch or in the one before.
    pub(super) const fn are_recent(&self, lane: &Lane) -> bool {
        lane.answered == self.epoch || lane.answered == self.epoch - 1
    }

    /// How many of those in flight are of lanes that do not answer.
    pub(super) const fn missing(&self, in_flight: u32) -> u32 {
        in_flight.saturating_sub(self.now).saturating_sub(self.before)
    }

    /// The lane has one more in flight, where `most` may be in all.
    pub(super) fn start(&mut self, lane: &mut Lane, most: u32) {
        lane.flying = lane.flying.saturating_add(1);
        if let Some(count) = self.count(lane) {
            *count += 1;
        }
        self.grown += 1;
        if self.grown >= (most / 4).max(1) {
            self.next_epoch();
        }
    }

    /// The lane has one less in flight. Where all places were taken nobody knows how many more there would have
    /// been, so that this is no sign of health.
    pub(super) fn end(&mut self, lane: &mut Lane, all_were_taken: bool) {
        lane.flying = lane.flying.saturating_sub(1);
        if let Some(count) = self.count(lane) {
            *count = count.saturating_sub(1);
        }
        if !all_were_taken {
            self.grown = self.grown.saturating_sub(1);
        }
    }

    /// The lane has answered.
    pub(super) fn note(&mut self, lane: &mut Lane) {
        self.forget(lane);
        lane.answered = self.epoch;
        self.now += u32::from(lane.flying);
    }

    /// The lane has failed: whatever it answered before counts no more.
    pub(super) fn forget(&mut self, lane: &mut Lane) {
        let flying = u32::from(lane.flying);
        if let Some(count) = self.count(lane) {
            *count = count.saturating_sub(flying);
        }
        lane.answered = Self::NEVER;
    }

    /// Where the lane's attempts are counted.
    const fn count(&mut self, lane: &Lane) -> Option<&mut u32> {
        if lane.answered == self.epoch {
            Some(&mut self.now)
        } else if lane.answered == self.epoch - 1 {
            Some(&mut self.before)
        } else {
            None
        }
    }

    const fn next_epoch(&mut self) {
        self.grown = 0;
        (self.before, self.now) = (self.now, 0);
        self.epoch = match self.epoch.checked_add(1) {
            Some(next) => next,
            None => {
                // The numbers begin again, and nobody has answered in the epoch before the first.
                self.before = 0;
                Self::FIRST
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = 16;

    fn grow(answers: &mut Answers, by: u32) {
        for _ in 0..by {
            answers.start(&mut Lane::CLOSED.clone(), MOST);
        }
    }

    #[test]
    fn an_answer_is_recent_until_the_growth_of_two_epochs() {
        let (mut answers, mut lane) = (Answers::new(), Lane::CLOSED);
        assert!(!answers.are_recent(&lane));
        answers.start(&mut lane, MOST);
        answers.note(&mut lane);
        assert!(answers.are_recent(&lane));
        assert_eq!(answers.missing(1), 0);
        grow(&mut answers, 6);
        assert!(answers.are_recent(&lane));
        assert_eq!(answers.missing(7), 6);
        grow(&mut answers, 1);
        assert!(!answers.are_recent(&lane));
        assert_eq!(answers.missing(8), 8);
    }

    #[test]
    fn attempts_that_end_as_fast_as_others_start_end_no_epoch() {
        let (mut answers, mut lane) = (Answers::new(), Lane::CLOSED);
        answers.note(&mut lane);
        for _ in 0..1_000 {
            let mut other = Lane::CLOSED;
            answers.start(&mut other, MOST);
            answers.end(&mut other, false);
        }
        assert!(answers.are_recent(&lane));
    }

    #[test]
    fn where_all_places_are_taken_every_start_counts() {
        let (mut answers, mut lane) = (Answers::new(), Lane::CLOSED);
        answers.note(&mut lane);
        for _ in 0..8 {
            let mut other = Lane::CLOSED;
            answers.start(&mut other, MOST);
            answers.end(&mut other, true);
        }
        assert!(!answers.are_recent(&lane));
    }

    #[test]
    fn a_failure_takes_all_of_the_lane_along() {
        let (mut answers, mut lane) = (Answers::new(), Lane::CLOSED);
        answers.note(&mut lane);
        answers.start(&mut lane, MOST);
        answers.start(&mut lane, MOST);
        assert_eq!(answers.missing(2), 0);
        answers.forget(&mut lane);
        assert_eq!(answers.missing(2), 2);
        answers.end(&mut lane, false);
        answers.note(&mut lane);
        assert_eq!(answers.missing(1), 0);
    }

    #[test]
    fn when_the_numbers_begin_again_nothing_is_recent_and_nothing_miscounted() {
        let (mut answers, mut lane) = (Answers::new(), Lane::CLOSED);
        answers.epoch = u32::MAX;
        answers.note(&mut lane);
        answers.start(&mut lane, MOST);
        grow(&mut answers, 3);
        assert_eq!((answers.epoch, answers.are_recent(&lane)), (Answers::FIRST, false));
        assert_eq!(answers.missing(4), 4);
        answers.note(&mut lane);
        assert_eq!(answers.missing(4), 3);
        answers.end(&mut lane, false);
        assert_eq!(answers.missing(3), 3);
    }
}
