//! The judge as a whole: precedence, symmetry, and hostile input.

use super::*;
