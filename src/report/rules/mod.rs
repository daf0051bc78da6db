//! `rules`: what each rule did, what a change of them would do, and what could be proposed.

mod kept;
mod list;
mod list_text;
mod preview;
mod suggest;

pub use kept::{KeptView, SamplesView};
pub use list::{Asked, DidView, NoRules, OnRouteView, RuleRowView, RuleWord, RulesView, list};
pub use list_text::{list as list_text, unused as unused_text};
pub use preview::{AppearingView, FateView, PreviewView, SampleView, WhatView, preview, preview_text};
pub use suggest::{LeftView, ProposalView, SuggestView, suggest_text};
