//! The shadow side: admission, the hand-over, the shadow runtime, the ledger.
