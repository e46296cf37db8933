//! Callers: events sent in groups, some of them again, and changes of trails among them.

use std::sync::Arc;

use futures_util::future::join_all;
use producer::{Intake, Outcome, Refusal};
use trails::TrailSet;

use crate::definitions;
use crate::drive::drive;
use crate::history::History;
use crate::mistakes::Mistake;
use crate::world::{Step, World};

/// One call of a group.
enum Call {
    /// These events, which will be recorded under these trails if they are.
    Record(Vec<usize>, Arc<TrailSet>),
    Change(Arc<TrailSet>),
}

enum Answer {
    Recorded(Result<Vec<Outcome>, Refusal>),
    Changed(Result<(), Refusal>),
}

impl World {
    /// Some calls at once: new events, events sent again, perhaps a change of trails among them.
    pub async fn record(&mut self) -> Step {
        let calls = self.draw_calls();
        if self.mistake == Mistake::AnswerBeforeSync {
            self.promise_new(&calls);
        }
        let Some(answers) = self.make(&calls).await else {
            // Killed: nobody knows.
            calls.iter().for_each(|call| self.note_unknown(call));
            return Ok(());
        };
        calls.into_iter().zip(answers).try_for_each(|(call, answer)| self.note(call, answer))
    }

    fn draw_calls(&mut self) -> Vec<Call> {
        let mut trails = Arc::clone(&self.in_force);
        let mut calls = Vec::new();
        for _ in 0..=self.dice.below(3) {
            if self.dice.one_in(16)
                && let Some(changed) = self.register()
            {
                trails = Arc::clone(&changed);
                calls.push(Call::Change(changed));
            }
            calls.push(Call::Record(self.draw_events(), Arc::clone(&trails)));
        }
        calls
    }

    /// Makes the calls in this order, so that they gather in one group.
    async fn make(&mut self, calls: &[Call]) -> Option<Vec<Answer>> {
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        let (intake, history) = (&process.intake, &self.history);
        let calls = calls.iter().map(|call| one(intake, history, call, self.mistake));
        let calls = join_all(calls);
        drive(&mut process.desk, now, &self.outside.weather, calls).await
    }

    fn note(&mut self, call: Call, answer: Answer) -> Step {
        match (call, answer) {
            (Call::Change(trails), Answer::Changed(Ok(()))) => self.in_force = trails,
            (Call::Record(numbers, trails), Answer::Recorded(Ok(outcomes))) => {
                let mut noted = numbers.into_iter().zip(outcomes);
                return noted
                    .try_for_each(|(number, outcome)| self.note_one(number, outcome, &trails));
            }
            (call, _) => {
                self.tally.refused += 1;
                self.note_unknown(&call);
            }
        }
        Ok(())
    }

    fn note_one(&mut self, number: usize, outcome: Outcome, trails: &Arc<TrailSet>) -> Step {
        let is_early = self.mistake == Mistake::AnswerBeforeSync;
        match outcome {
            Outcome::Recorded if self.history.sent[number].is_promised && !is_early => {
                return Err(format!("event {number} was recorded before"));
            }
            Outcome::Recorded => self.history.is_recorded(number, trails),
            Outcome::Again => {
                self.tally.again += 1;
                self.history.sent[number].is_promised = true;
            }
        }
        Ok(())
    }

    /// No answer, or a refusal: the events may be recorded or not.
    fn note_unknown(&mut self, call: &Call) {
        let Call::Record(numbers, trails) = call else { return };
        for number in numbers {
            if !self.history.sent[*number].is_promised {
                self.history.may_be_recorded(*number, trails);
            }
        }
    }

    /// What [`Mistake::AnswerBeforeSync`] tells the callers.
    fn promise_new(&mut self, calls: &[Call]) {
        for call in calls {
            let Call::Record(numbers, trails) = call else { continue };
            for number in numbers {
                if self.history.sent[*number].trails.is_empty() {
                    self.history.is_recorded(*number, trails);
                }
            }
        }
    }

    fn draw_events(&mut self) -> Vec<usize> {
        let events = 1 + self.dice.below(4);
        let draw = |_| match self.history.sent.len() as u64 {
            known if known > 0 && self.dice.one_in(6) => {
                usize::try_from(self.dice.below(known)).unwrap()
            }
            _ => self.history.new_event(&self.dice),
        };
        (0..events).map(draw).collect()
    }

    /// Other definitions, durable when it returns; `None` when the disk refuses.
    fn register(&mut self) -> Option<Arc<TrailSet>> {
        let definitions = definitions::draw(&self.dice);
        let now = self.now().wall;
        let registry = &mut self.process.as_mut().unwrap().registry;
        registry.apply(definitions, now).ok()?;
        self.tally.changes += 1;
        Some(registry.snapshot())
    }
}

async fn one(intake: &Intake, history: &History, call: &Call, mistake: Mistake) -> Answer {
    match call {
        Call::Record(numbers, _) => {
            let event = |number: &usize| history.sent[*number].event.clone();
            Answer::Recorded(intake.record(numbers.iter().map(event).collect()).await)
        }
        Call::Change(_) if mistake == Mistake::ForgetSealOnTrailChange => Answer::Changed(Ok(())),
        Call::Change(trails) => Answer::Changed(intake.set_trails(Arc::clone(trails)).await),
    }
}
