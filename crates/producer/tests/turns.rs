//! Turns between accounts: random calls against a tiny model of what they promise.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use cairn_producer::turns::{TURN_COST, Turns};
use model::AccountId;
use proptest::prelude::*;

/// The largest call of these tests: several turns.
const COST_MAX: usize = 5 * TURN_COST / 2;

#[derive(Clone, Debug)]
enum Action {
    /// A call of an account.
    Push(usize, usize),
    Pop,
    /// The caller of one that waits goes away.
    Withdraw(usize),
    /// There is no room: the newest call of the heaviest account goes.
    PopNewest,
    Part,
}

fn action() -> impl Strategy<Value = Action> {
    let cost = prop_oneof![1..1000_usize, 1..COST_MAX];
    prop_oneof![
        5 => (0..6_usize, cost).prop_map(|(account, cost)| Action::Push(account, cost)),
        4 => Just(Action::Pop),
        1 => any::<usize>().prop_map(Action::Withdraw),
        1 => Just(Action::PopNewest),
        1 => Just(Action::Part),
    ]
}

fn account(number: usize) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

/// A call as the model knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    account: usize,
    number: u64,
    cost: usize,
    lines: u64,
}

/// Calls in the order in which they came, and who was served since an account came anew.
#[derive(Default)]
struct Model {
    waiting: Vec<Call>,
    next: u64,
    drawn: u64,
    crossed: u64,
    served_since: BTreeMap<usize, BTreeMap<usize, usize>>,
}

impl Model {
    fn push(&mut self, account: usize, cost: usize) -> Call {
        let call = Call { account, number: self.next, cost, lines: self.drawn };
        self.next += 1;
        if self.waiting.iter().all(|waiting| waiting.account != account) {
            self.served_since.insert(account, BTreeMap::new());
        }
        self.waiting.push(call);
        call
    }

    /// Whether any call waits before the line.
    fn is_servable(&self) -> bool {
        self.waiting.iter().any(|call| call.lines == self.crossed)
    }

    fn serve(&mut self, call: Call) -> Result<(), TestCaseError> {
        let first = self.waiting.iter().position(|waiting| waiting.account == call.account);
        let first = self.waiting.remove(first.expect("it waited"));
        prop_assert_eq!(first, call, "the first of its account");
        prop_assert_eq!(call.lines, self.crossed, "before the line");
        self.served_since.remove(&call.account);
        for (newcomer, served) in &mut self.served_since {
            // Behind a line it waits for all that is before it.
            let came = self.waiting.iter().find(|waiting| waiting.account == *newcomer);
            if came.is_none_or(|came| came.lines > self.crossed) {
                continue;
            }
            let cost = served.entry(call.account).or_default();
            *cost += call.cost;
            prop_assert!(
                *cost < TURN_COST + COST_MAX,
                "account {newcomer} waits while {} is served {cost}",
                call.account
            );
        }
        Ok(())
    }

    fn remove(&mut self, number: u64) {
        self.waiting.retain(|call| call.number != number);
        let waits = |account: usize| self.waiting.iter().any(|call| call.account == account);
        self.served_since = std::mem::take(&mut self.served_since)
            .into_iter()
            .filter(|(account, _)| waits(*account))
            .collect();
    }
}

fn run(actions: Vec<Action>) -> Result<(), TestCaseError> {
    let (mut turns, mut model) = (Turns::default(), Model::default());
    // In the end all that waits is served.
    let end = std::iter::repeat_n(Action::Pop, actions.len() * 2);
    for action in actions.into_iter().chain(end) {
        match action {
            Action::Push(number, cost) => {
                let call = model.push(number, cost);
                turns.push(&account(number), call.number, cost, call);
            }
            Action::Pop => match turns.pop() {
                Some((call, cost)) => {
                    prop_assert_eq!(cost, call.cost);
                    model.serve(call)?;
                }
                None => {
                    prop_assert!(!model.is_servable(), "something waits: {:?}", model.waiting);
                    if model.crossed < model.drawn {
                        model.crossed += 1;
                        turns.pass();
                        // Turns begin anew behind a line.
                        model.served_since.values_mut().for_each(BTreeMap::clear);
                    }
                }
            },
            Action::Withdraw(any) if !model.waiting.is_empty() => {
                let call = model.waiting[any % model.waiting.len()];
                prop_assert_eq!(turns.withdraw(&account(call.account), call.number), Some(call));
                prop_assert_eq!(turns.withdraw(&account(call.account), call.number), None);
                model.remove(call.number);
            }
            Action::PopNewest if !model.waiting.is_empty() => {
                let mut costs = BTreeMap::<usize, usize>::new();
                model.waiting.iter().for_each(|c| *costs.entry(c.account).or_default() += c.cost);
                let (heaviest, cost) = turns.heaviest().unwrap();
                let heaviest = heaviest.clone();
                prop_assert_eq!(Some(&cost), costs.values().max());
                let newest = turns.pop_newest(&heaviest).unwrap();
                let of_account = |call: &&Call| call.account == newest.account;
                prop_assert_eq!(model.waiting.iter().rfind(of_account), Some(&newest));
                model.remove(newest.number);
            }
            Action::Withdraw(_) | Action::PopNewest => {}
            Action::Part => {
                turns.part();
                model.drawn += 1;
            }
        }
        prop_assert_eq!(turns.calls(), model.waiting.len());
        prop_assert_eq!(turns.cost(), model.waiting.iter().map(|call| call.cost).sum::<usize>());
    }
    prop_assert!(model.waiting.is_empty(), "left: {:?}", model.waiting);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_passed_over_and_nothing_is_lost_or_served_twice(
        actions in proptest::collection::vec(action(), 1..200),
    ) {
        run(actions)?;
    }
}

#[test]
fn accounts_that_always_have_something_waiting_are_served_alike_whatever_the_size_of_their_calls() {
    let sizes = [1_000, 20_000, 90_000, COST_MAX];
    let mut turns = Turns::default();
    for (number, size) in sizes.into_iter().enumerate() {
        for call in 0..20_000_000 / size {
            turns.push(&account(number), call as u64, size, number);
        }
    }
    let mut served = [0; 4];
    while let Some((number, cost)) = turns.pop() {
        served[number] += cost;
        let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
        assert!(most - least <= 2 * (TURN_COST + COST_MAX), "{served:?}");
        if served.iter().sum::<usize>() > 60_000_000 {
            return;
        }
    }
    panic!("some account was served to its end: {served:?}");
}

#[test]
fn of_accounts_with_as_much_waiting_the_one_that_came_last_gives_way() {
    let mut turns = Turns::default();
    // The newcomer's number is lower than theirs, and then higher.
    for (number, call) in [(5, 1), (7, 2), (1, 3), (9, 4)] {
        turns.push(&account(number), call, 100, call);
    }
    for (number, call) in [(9, 4), (1, 3), (7, 2), (5, 1)] {
        let (heaviest, cost) = turns.heaviest().unwrap();
        assert_eq!((heaviest, cost), (&account(number), 100));
        assert_eq!(turns.pop_newest(&account(number)), Some(call));
    }
}
