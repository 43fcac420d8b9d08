//! What of it a restored copy does not vouch for.

use crate::application::State;
use crate::table::{agreement, application};
use base::Timestamp;
use db::Tx;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// Puts every approval back to its question, and ends every agreement: the copy may be from before they were ended, and
/// whoever answers knows. Gives how many that were.
///
/// Without a permit: there is nobody yet who could be asked, and it only takes away.
pub async fn ask_again(tx: &Tx, now: Timestamp) -> Result<u64, db::Error> {
    let asked = application::Entity::update_many()
        .col_expr(application::Column::State, Expr::value(State::Asked.as_str()))
        .col_expr(application::Column::ValidUntil, Expr::value(Option::<i64>::None))
        .filter(application::Column::State.is_in([State::Approved.as_str(), State::RenewalAsked.as_str()]))
        .exec(&**tx)
        .await?;
    let ended = agreement::Entity::update_many()
        .col_expr(agreement::Column::Ended, Expr::value(now.as_second()))
        .filter(agreement::Column::Ended.is_null())
        .exec(&**tx)
        .await?;
    Ok(asked.rows_affected.saturating_add(ended.rows_affected))
}
