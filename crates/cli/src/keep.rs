//! What a data steward decides about an object: `object hold`, `object lift`, `object delete`.

use crate::app::App;
use crate::args::words;
use crate::{Failure, text};
use api::archive::Because;
use api::project::Object;
use base::ObjectId;
use clap::Args;

/// Put an object under a legal hold: nothing deletes it until the hold is lifted, whatever its floor.
///
/// The hold is on every version of the object, in the record and in the store. Its keys cannot be
/// shredded either.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra object hold obj_… --reason \"court order 4 O 31/31\"\n\nRole: data-steward in the project."
)]
pub struct Hold {
    #[command(flatten)]
    decision: Decision,
}

/// Lift a legal hold. The object's floor stays.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra object lift obj_… --reason \"order 4 O 31/31 was withdrawn\"\n\nRole: data-steward in the project."
)]
pub struct Lift {
    #[command(flatten)]
    decision: Decision,
}

/// Delete an object with all its versions, after its floor and without a hold on it. There is no way back.
///
/// Its wrapped keys and stored bytes go; its record stays, and says when it was deleted. Before the
/// floor nobody deletes it: the error says until when it is kept.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra object delete obj_… --reason \"end of storage by consent\"\n\nRole: data-steward in the project."
)]
pub struct Delete {
    #[command(flatten)]
    decision: Decision,
}

#[derive(Args)]
struct Decision {
    /// The object, obj_…
    object: ObjectId,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Hold {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        self.decision.carry_out(app, "object hold", |object| {
            let until = text::or_dash(object.kept_until.as_ref());
            format!("{} is under a legal hold; its floor is {until}", object.id)
        })
    }
}

impl Lift {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        self.decision.carry_out(app, "object lift", |object| {
            let until = text::or_dash(object.kept_until.as_ref());
            format!("the hold on {} is lifted; its floor is {until}", object.id)
        })
    }
}

impl Delete {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        self.decision.carry_out(app, "object delete", |object| {
            format!("deleted {} with {} versions; its record stays", object.id, object.version)
        })
    }
}

impl Decision {
    fn carry_out(
        self,
        app: &mut App<'_>,
        route: &str,
        told: impl FnOnce(&Object) -> String,
    ) -> Result<(), Failure> {
        let body = Because { reason: self.reason };
        let object: Object = app.client()?.post(route, &[&self.object.to_string()], &body)?.json()?;
        app.console.say(&told(&object));
        if app.console.is_json() { app.console.json(&object) } else { Ok(()) }
    }
}
