//! `models`: which models there are.

use clap::Subcommand;

use super::{Failure, ModelFolders, print};
use crate::catalog::Catalog;

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Lists the models there are.
    List {
        #[command(flatten)]
        folders: ModelFolders,
    },
}

pub(super) fn models(command: &ModelsCommand) -> Result<(), Failure> {
    let ModelsCommand::List { folders } = command;
    let catalog =
        Catalog::find(folders.models.as_deref(), &folders.data).map_err(|e| e.to_string())?;
    if catalog.models().is_empty() {
        return Err("there is no model; name a folder of models with --models".to_owned());
    }
    let default = catalog.default_model().map(|m| &m.name);
    let width = catalog.models().iter().map(|m| m.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for model in catalog.models() {
        let mark = if Some(&model.name) == default { "*" } else { " " };
        out += &format!("{mark} {:width$}  {}\n", model.name, model.folder.display());
    }
    print(&out)
}
