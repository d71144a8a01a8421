//! [`Sentence`] in the OpenAPI document: one form for each sentence, its parameters by their types.

use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

use super::{FORMS, Form, Sentence};

fn of_type(form: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(form))
}

fn param(form: Form) -> RefOr<Schema> {
    let sentence = || Ref::from_schema_name("Sentence");
    let text = || of_type(Type::String).build();
    let message = || OneOfBuilder::new().item(text()).item(sentence());
    match form {
        Form::Whole => of_type(Type::Integer).minimum(Some(0)).into(),
        Form::Text => of_type(Type::String).into(),
        Form::Message => message().into(),
        Form::List => ArrayBuilder::new().items(RefOr::T(Schema::from(message()))).into(),
    }
}

fn form(id: &str, params: &[(&str, Form)]) -> ObjectBuilder {
    let id = of_type(Type::String).enum_values(Some([id]));
    let form = of_type(Type::Object).property("id", id).required("id");
    if params.is_empty() {
        return form;
    }
    let all = params.iter().fold(of_type(Type::Object), |all, (name, form)| {
        all.property(*name, param(*form)).required(*name)
    });
    let closed = AdditionalProperties::<Schema>::FreeForm(false);
    form.property("params", all.additional_properties(Some(closed))).required("params")
}

impl utoipa::PartialSchema for Sentence {
    fn schema() -> RefOr<Schema> {
        let all = FORMS.iter().flat_map(|subject| subject.iter());
        let all = all.fold(OneOfBuilder::new(), |all, (id, params)| all.item(form(id, params)));
        all.description(Some(
            "The message as a sentence: its id and its parameters. Later versions of the lab may say \
             sentences that are not listed here.",
        ))
        .into()
    }
}

impl utoipa::ToSchema for Sentence {}
