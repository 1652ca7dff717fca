//! The calls that a host may make, in any order.

use proptest::prelude::*;

use super::model::LANES;

/// One call, or a few that belong together. Numbers choose among what is there.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Open { health: u8, cap: u16 },
    Close(usize),
    Enqueue(Vec<usize>),
    Admit { lane: usize, attempts: u8, due: i64 },
    Advance(u32),
    Attempts(usize),
    Outcome { which: usize, status: u16, after: Option<u32> },
    Broken(usize),
    OutcomeThenCancel(usize),
    BrokenThenCancel(usize),
    Recorded(usize),
    Cancel(usize),
    CancelLane(usize),
    Pause(usize),
    Resume(usize),
    Backlog(usize),
    Late(usize),
}

impl Op {
    pub(crate) fn any() -> impl Strategy<Value = Op> {
        let n = 0usize..64;
        let status = prop_oneof![Just(200u16), Just(204), Just(406), Just(500), Just(429), Just(503)];
        prop_oneof![
            2 => (prop_oneof![Just(0u8), Just(1), Just(9), Just(255)], 0u16..5)
                .prop_map(|(health, cap)| Op::Open { health, cap }),
            1 => n.clone().prop_map(Op::Close),
            6 => prop::collection::vec(0usize..LANES, 1..4).prop_map(Op::Enqueue),
            4 => (n.clone(), 0u8..5, -5_000i64..5_000)
                .prop_map(|(lane, attempts, due)| Op::Admit { lane, attempts, due }),
            5 => prop_oneof![Just(0u32), 1u32..500, 500u32..6_000].prop_map(Op::Advance),
            8 => (1usize..6).prop_map(Op::Attempts),
            6 => (n.clone(), status, prop::option::of(0u32..9_000))
                .prop_map(|(which, status, after)| Op::Outcome { which, status, after }),
            6 => n.clone().prop_map(Op::Broken),
            1 => n.clone().prop_map(Op::OutcomeThenCancel),
            1 => n.clone().prop_map(Op::BrokenThenCancel),
            9 => n.clone().prop_map(Op::Recorded),
            1 => n.clone().prop_map(Op::Cancel),
            1 => n.clone().prop_map(Op::CancelLane),
            1 => n.clone().prop_map(Op::Pause),
            1 => n.clone().prop_map(Op::Resume),
            2 => n.clone().prop_map(Op::Backlog),
            1 => n.prop_map(Op::Late),
        ]
    }

    /// Calls that keep many attempts in flight.
    pub(crate) fn of_a_crowd() -> impl Strategy<Value = Op> {
        let n = 0usize..64;
        prop_oneof![
            6 => prop::collection::vec(0usize..LANES, 1..4).prop_map(Op::Enqueue),
            1 => (0u32..500).prop_map(Op::Advance),
            8 => (1usize..6).prop_map(Op::Attempts),
            5 => n.clone().prop_map(|which| Op::Outcome { which, status: 200, after: None }),
            1 => n.clone().prop_map(Op::Broken),
            6 => n.prop_map(Op::Recorded),
        ]
    }
}
