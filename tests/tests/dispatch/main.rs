//! The dispatcher against a naive model of its contract, and its promises one by one in virtual time.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod contract;
mod crowd;
mod model;
mod op;

use proptest::prelude::*;
use sealpost_core::Health;

use model::{LANES, Rig};
use op::Op;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever the order of calls, the dispatcher does what the model allows, and loses nothing.
    #[test]
    fn follows_the_model(ops in prop::collection::vec(Op::any(), 1..160), in_flight in 1u32..40, quota in 1u32..10) {
        let mut rig = Rig::new(in_flight, quota);
        for op in ops {
            rig.apply(op);
        }
        rig.run_to_the_end();
    }

    /// The same where more attempts are wanted than may be in flight, of endpoints that were all well.
    #[test]
    fn follows_the_model_in_a_crowd(ops in prop::collection::vec(Op::of_a_crowd(), 1..240), in_flight in 8u32..24) {
        let mut rig = Rig::new(in_flight, 6);
        for _ in 0..LANES {
            rig.apply(Op::Open { health: Health::Up.to_byte(), cap: 4 });
        }
        for op in ops {
            rig.apply(op);
        }
        rig.run_to_the_end();
    }
}
