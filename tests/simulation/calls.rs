//! Callers: events sent in groups, some of them again, and changes of trails among them.

use std::sync::Arc;

use producer::{Intake, Outcome, Refusal};
use trails::{Changes, Definitions, TrailSet};

use crate::definitions;
use crate::drive::Task;
use crate::history::Sending;
use crate::mistakes::Mistake;
use crate::world::{Step, World};

/// What is asked of the daemon.
pub enum Call {
    /// Record these events; these trails are in force when it is their turn.
    Record(Vec<Sending>, Arc<TrailSet>),
    /// Other trails from now on.
    Change(Arc<Definitions>),
    /// Seal, as a stop does.
    Seal,
    /// Seal and end.
    Stop,
}

pub enum Answer {
    Recorded(Result<Vec<Outcome>, Refusal>),
    Done(Result<(), Refusal>),
}

/// A call that waits for its answer.
pub struct Caller {
    pub call: Call,
    pub task: Task<Answer>,
}

impl World {
    /// Some calls, one after the other: new events, events sent again, perhaps other trails.
    pub fn record(&mut self) {
        for _ in 0..=self.dice.below(3) {
            if self.dice.one_in(12) {
                self.change_trails();
            }
            let (numbers, now) = (self.draw_events(), self.now().wall);
            let sendings = numbers.into_iter().map(|number| self.history.send(number, now));
            let sendings: Vec<Sending> = sendings.collect();
            let events = sendings.iter().map(|it| self.history.sent[it.number].event.clone());
            let events = events.collect();
            let trails = Arc::clone(&self.in_force);
            self.call(Call::Record(sendings, trails), |intake| async move {
                Answer::Recorded(intake.record(events).await)
            });
        }
    }

    /// Puts a call in the journal's queue: calls are served in the order they are made.
    pub fn call<F>(&mut self, call: Call, make: impl FnOnce(Intake) -> F)
    where
        F: Future<Output = Answer> + 'static,
    {
        let process = self.process.as_mut().unwrap();
        let mut task = Task::new(make(process.intake.clone()));
        let early = task.step();
        process.callers.push(Caller { call, task });
        assert!(early.is_none(), "nobody is answered before the journal was asked");
    }

    /// Some change of the definitions.
    pub fn change_trails(&mut self) {
        let in_force = self.process().registry.definitions();
        let definitions = definitions::change(in_force, &self.dice);
        self.apply(definitions);
    }

    /// These definitions, durable before the journal hears of them.
    pub fn apply(&mut self, definitions: Definitions) {
        let now = self.now().wall;
        let registry = &mut self.process.as_mut().unwrap().registry;
        let applied = registry.apply(definitions.clone(), now);
        let (version, trails) = (registry.snapshot().version, registry.snapshot());
        let stored = registry.definitions().clone();
        let Ok(changes) = applied else {
            self.registered.attempted.push(definitions);
            return;
        };
        self.registered.attempted.clear();
        self.registered.known.insert(version, definitions.clone());
        self.registered.note_keys(&definitions);
        if changes == Changes::default() {
            return;
        }
        self.tally.count("changes", 1);
        self.in_force = Arc::clone(&trails);
        if self.mistake != Mistake::ForgetSealOnTrailChange {
            self.call(Call::Change(Arc::new(stored)), |intake| async move {
                Answer::Done(intake.set_trails(trails).await)
            });
        }
    }

    /// What a call was told.
    pub fn note(&mut self, call: Call, answer: Answer) -> Step {
        match (call, answer) {
            (Call::Record(sendings, trails), Answer::Recorded(Ok(outcomes))) => {
                let now = self.now().wall;
                let mut noted = sendings.into_iter().zip(outcomes);
                noted.try_for_each(|(sending, outcome)| match outcome {
                    Outcome::Recorded => self.history.is_recorded(sending, &trails, now),
                    Outcome::Again => {
                        self.tally.count("again", 1);
                        self.history.is_known(sending.number)
                    }
                })
            }
            (Call::Change(definitions), Answer::Done(Ok(()))) => {
                self.tell_digests(&definitions);
                self.process().definitions.send_replace(definitions);
                Ok(())
            }
            (call, _) => {
                self.tally.count("refused", 1);
                self.note_unknown(&call);
                Ok(())
            }
        }
    }

    /// No answer, or a refusal: the events may be recorded or not.
    pub fn note_unknown(&mut self, call: &Call) {
        let Call::Record(sendings, trails) = call else { return };
        for sending in sendings {
            self.history.may_be_recorded(*sending, trails);
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
}
