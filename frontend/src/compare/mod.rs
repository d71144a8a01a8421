//! Runs beside each other, at `/compare?runs=A,B`: what one changed about another, and what that
//! changed. The words, links and changes are pure; the cards need the browser.

pub mod counterfactual;
pub mod difference;
pub mod link;
pub mod outcome;

#[cfg(target_arch = "wasm32")]
mod add;
#[cfg(target_arch = "wasm32")]
mod answers;
#[cfg(target_arch = "wasm32")]
mod curves;
#[cfg(target_arch = "wasm32")]
mod opened;
#[cfg(target_arch = "wasm32")]
pub mod page;
#[cfg(target_arch = "wasm32")]
mod pictures;
#[cfg(target_arch = "wasm32")]
mod stages;
#[cfg(target_arch = "wasm32")]
pub mod test_it;
