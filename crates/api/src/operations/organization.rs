//! RegisterOrganizationDelegatedAdmin and DeregisterOrganizationDelegatedAdmin: the member accounts
//! that may manage the organization's trails.
//!
//! Source: AWS CloudTrail API Reference; User Guide, "Organization delegated administrator".

use model::AccountId;
use serde::Deserialize;
use trails::Organization;

use super::shapes::Nothing;
use crate::context::Context;
use crate::exception::Exception;
use crate::operation::{Input, Plan};

const ADMINISTRATORS_MAX: usize = 3;

/// The input of RegisterOrganizationDelegatedAdmin.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Register {
    member_account_id: String,
}

impl Input for Register {}

/// The input of DeregisterOrganizationDelegatedAdmin.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Deregister {
    delegated_admin_account_id: String,
}

impl Input for Deregister {}

/// RegisterOrganizationDelegatedAdmin.
pub(crate) fn register(
    context: &Context<'_>,
    input: &Register,
) -> Result<Plan<Nothing>, Exception> {
    let organization = managed(context)?;
    let account = account("MemberAccountId", &input.member_account_id)?;
    if account == organization.management_account {
        let message =
            "The management account cannot be a delegated administrator of its organization.";
        return Err(Exception::new("CannotDelegateManagementAccountException", message));
    }
    check_member(organization, &account)?;
    let registered = &context.definitions.delegated_administrators;
    if registered.contains(&account) {
        let message = format!("Account {account} is a delegated administrator already.");
        return Err(Exception::new("AccountRegisteredException", message));
    }
    if registered.len() >= ADMINISTRATORS_MAX {
        let message = format!(
            "There are {ADMINISTRATORS_MAX} delegated administrators already; deregister one."
        );
        return Err(Exception::new("DelegatedAdminAccountLimitExceededException", message));
    }
    Ok(plan(context, |administrators| administrators.push(account)))
}

/// DeregisterOrganizationDelegatedAdmin.
pub(crate) fn deregister(
    context: &Context<'_>,
    input: &Deregister,
) -> Result<Plan<Nothing>, Exception> {
    let organization = managed(context)?;
    let account = account("DelegatedAdminAccountId", &input.delegated_admin_account_id)?;
    check_member(organization, &account)?;
    if !context.definitions.delegated_administrators.contains(&account) {
        let message = format!("Account {account} is no delegated administrator.");
        return Err(Exception::new("AccountNotRegisteredException", message));
    }
    Ok(plan(context, |administrators| administrators.retain(|one| *one != account)))
}

/// The organization that the caller manages.
fn managed<'a>(context: &Context<'a>) -> Result<&'a Organization, Exception> {
    let Context { caller, definitions, .. } = context;
    let organization = definitions.organization.as_ref();
    let Some(organization) = organization.filter(|one| one.contains(&caller.account)) else {
        let message = format!("Account {} is in no organization.", caller.account);
        return Err(Exception::new("OrganizationsNotInUseException", message));
    };
    if organization.management_account != caller.account {
        let message = "Only the organization's management account can do this.";
        return Err(Exception::new("NotOrganizationManagementAccountException", message));
    }
    Ok(organization)
}

fn account(member: &str, id: &str) -> Result<AccountId, Exception> {
    id.parse().map_err(|_| {
        let message = format!("{member} must be an account id of 12 digits.");
        Exception::new("InvalidParameterException", message)
    })
}

fn check_member(organization: &Organization, account: &AccountId) -> Result<(), Exception> {
    if organization.contains(account) {
        return Ok(());
    }
    let message = format!("Account {account} is no member of the organization.");
    Err(Exception::new("AccountNotFoundException", message))
}

fn plan(context: &Context<'_>, change: impl FnOnce(&mut Vec<AccountId>)) -> Plan<Nothing> {
    let mut definitions = context.definitions.clone();
    change(&mut definitions.delegated_administrators);
    Plan { definitions, output: Nothing {}, checks: Vec::new() }
}
