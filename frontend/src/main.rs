//! Entry point of the page; there is nothing to start outside a browser.

fn main() {
    #[cfg(target_arch = "wasm32")]
    frontend::app::start();
}
