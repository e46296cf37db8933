//! The way of a call: parse, authorize, plan, check, record, change, answer.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AccountId, Region, Timestamp, TrailArn};
use serde_json::Value;
use trails::Definitions;
use uuid::Uuid;

use crate::authorize;
use crate::caller::Caller;
use crate::context::{Context, Quotas};
use crate::exception::Exception;
use crate::lookup::Lookup;
use crate::operation::{Check, Handler, Operation, Run, Table, WirePlan};
use crate::operations;
use crate::record::Told;
use crate::site::{Change, Site};
use crate::throttle::Throttle;
use crate::wire::{self, Answer, Request};

/// So many seconds' changes may come at once.
const CHANGES_FILL_IN: Duration = Duration::from_secs(10);
/// So many seconds' lookups may come at once.
const LOOKUPS_FILL_IN: Duration = Duration::from_secs(1);

/// The API on a site.
pub struct Api<S> {
    site: S,
    operations: Table,
    quotas: Quotas,
    changes: Throttle<AccountId>,
    /// Where there is a rate.
    lookups: Option<Throttle<(AccountId, Region)>>,
}

/// A call whose operation and members are known.
struct Call<'a> {
    caller: &'a Caller,
    request: &'a Request,
    operation: &'static str,
    members: Value,
    /// The members that are times.
    times: &'static [&'static str],
    now: Timestamp,
    /// The id of what the call makes.
    id: Uuid,
}

/// ARNs of KMS keys, by what the call names them.
type Keys = BTreeMap<String, String>;

impl<S: Site> Api<S> {
    /// The API of a site.
    #[must_use]
    pub fn new(site: S, quotas: Quotas) -> Api<S> {
        let changes = Throttle::new(quotas.changes_per_second, CHANGES_FILL_IN);
        let rate = Some(quotas.lookups_per_second).filter(|rate| *rate > 0);
        let lookups = rate.map(|rate| Throttle::new(rate, LOOKUPS_FILL_IN));
        Api { site, operations: operations::table(), quotas, changes, lookups }
    }

    /// Answers a call. It must be driven to its end: dropped in the midst of a change, it may leave
    /// what is stored ahead of what is in force.
    pub async fn answer(&self, caller: &Caller, request: &Request) -> Answer {
        match self.call(caller, request) {
            Ok((call, operation)) => self.run(&call, operation).await,
            Err(exception) => Answer::refused(&exception),
        }
    }

    /// Makes the record of a LookupEvents that is answered elsewhere: as a download, in one go.
    ///
    /// # Errors
    /// It could not be recorded.
    pub async fn record_lookup(
        &self,
        caller: &Caller,
        request: &Request,
        members: &Value,
        result: Result<(), Exception>,
    ) -> Result<(), Exception> {
        let (now, id) = (self.site.now(), self.site.draw());
        let (operation, members) = ("LookupEvents", members.clone());
        let times = self.operations[operation].times;
        let call = Call { caller, request, operation, members, times, now, id };
        self.record(&call, &result.map(|()| Value::Null)).await
    }

    fn call<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a Request,
    ) -> Result<(Call<'a>, &'a Operation), Exception> {
        let name = wire::operation_of(&request.target)?;
        let (operation, found) =
            self.operations.get_key_value(name).ok_or_else(wire::unknown_operation)?;
        let members = wire::members(&request.body)?;
        let (now, id) = (self.site.now(), self.site.draw());
        let times = found.times;
        Ok((Call { caller, request, operation, members, times, now, id }, found))
    }

    async fn run(&self, call: &Call<'_>, operation: &Operation) -> Answer {
        let authorized =
            check_target(call, operation).and_then(|()| self.authorize(call, operation));
        let result = match (authorized, &operation.handler) {
            (Ok(()), Handler::Change(run)) => return Answer::of(&self.change(call, run).await),
            (Ok(()), Handler::Lookup(run)) => return self.look_up(call, run).await,
            (Ok(()), Handler::Read(run)) => {
                self.apply(call, run, &self.site.definitions(), &Keys::new())
            }
            (Ok(()), Handler::Unsupported) => {
                let message = format!("Cairn does not have the operation {}.", call.operation);
                Err(Exception::new("UnsupportedOperationException", message))
            }
            (Err(exception), _) => Err(exception),
        };
        self.note(call, &result).await;
        Answer::of(&result)
    }

    async fn look_up(&self, call: &Call<'_>, run: &Run<Lookup>) -> Answer {
        let planned = self.plan_lookup(call, run);
        let is_beyond_aws = planned.as_ref().is_ok_and(|lookup| lookup.is_beyond_aws);
        let found = match planned {
            Ok(lookup) => self.site.lookup(lookup).await,
            Err(exception) => Err(exception),
        };
        // Reads are recorded without what they found.
        let result = found.as_ref().map(|_| Value::Null).map_err(Exception::clone);
        let recorded = self.record(call, &result).await;
        let Err(unrecorded) = recorded else { return Answer::of_text(found) };
        self.site.count_unrecorded();
        // An account finds its own events, as all reads are answered, also when the journal is full
        // and somebody looks for why. Others' events, and more of them than AWS gives, are shown to
        // nobody unseen.
        Answer::of_text(if is_beyond_aws { found.and(Err(unrecorded)) } else { found })
    }

    fn plan_lookup(&self, call: &Call<'_>, run: &Run<Lookup>) -> Result<Lookup, Exception> {
        let Caller { account, region, .. } = call.caller;
        let whose = (account.clone(), region.clone());
        if self.lookups.as_ref().is_some_and(|rate| !rate.take(&whose, self.site.uptime())) {
            return Err(Exception::throttled("Rate exceeded"));
        }
        self.apply(call, run, &self.site.definitions(), &Keys::new())
    }

    /// Whether the caller's policies allow it. What is no input is refused before.
    fn authorize(&self, call: &Call<'_>, operation: &Operation) -> Result<(), Exception> {
        let Call { caller, request, members, now, .. } = call;
        let (source_ip, user_agent) = (&request.source_ip, request.user_agent.as_deref());
        let context = authorize::context(caller, *now, source_ip, user_agent);
        let definitions = self.site.definitions();
        for resource in (operation.resources)(caller, members)? {
            let mut context = context.clone();
            let given = operation.tags.and_then(|member| members.get(member));
            authorize::add_tags(&mut context, &definitions, &caller.account, &resource, given);
            authorize::check(&accounts::Call {
                principal: &caller.principal,
                action: &format!("cloudtrail:{}", call.operation),
                resource: &resource,
                resource_account: &caller.account,
                resource_policy: None,
                context: &context,
            })?;
        }
        Ok(())
    }

    /// What the operation says of these definitions.
    fn apply<T>(
        &self,
        call: &Call<'_>,
        run: &Run<T>,
        definitions: &Definitions,
        keys: &Keys,
    ) -> Result<T, Exception> {
        let context = Context {
            caller: call.caller,
            definitions,
            status: &|trail: &TrailArn| self.site.status(trail),
            public_keys: &|from, to| self.site.public_keys(&call.caller.region, from, to),
            now: call.now,
            id: call.id,
            quotas: &self.quotas,
            keys,
        };
        run(&context, &call.members)
    }

    async fn change(&self, call: &Call<'_>, run: &Run<WirePlan>) -> Result<Value, Exception> {
        let (change, plan) = match self.begin(call, run).await {
            Ok(begun) => begun,
            Err(exception) => return self.refuse(call, exception).await,
        };
        let result = Ok(plan.output);
        // What can't be recorded is not changed.
        self.record(call, &result).await?;
        match change.commit(plan.definitions).await {
            Ok(()) => result,
            Err(exception) => self.refuse(call, exception).await,
        }
    }

    /// A change that is planned, and whose checks held.
    async fn begin<'a>(
        &'a self,
        call: &Call<'_>,
        run: &Run<WirePlan>,
    ) -> Result<(S::Change<'a>, WirePlan), Exception> {
        if !self.changes.take(&call.caller.account, self.site.uptime()) {
            return Err(Exception::throttled("Rate exceeded"));
        }
        let planned = self.apply(call, run, &self.site.definitions(), &Keys::new())?;
        let keys = self.check(&planned.checks).await?;
        let change = self.site.begin().await;
        let plan = self.apply(call, run, change.definitions(), &keys)?;
        if plan.checks != planned.checks {
            let message = "Another request changed the resource meanwhile. Try again.";
            return Err(Exception::new("ConflictException", message));
        }
        change.check(&call.caller.account, &plan.definitions)?;
        Ok((change, plan))
    }

    async fn check(&self, checks: &[Result<Check, Exception>]) -> Result<Keys, Exception> {
        let mut keys = Keys::new();
        for check in checks {
            let check = check.as_ref().map_err(Exception::clone)?;
            let found = self.site.check(check).await?;
            if let (Check::Key { key, .. }, Some(arn)) = (check, found) {
                keys.insert(key.clone(), arn);
            }
        }
        Ok(keys)
    }

    async fn refuse(&self, call: &Call<'_>, exception: Exception) -> Result<Value, Exception> {
        let result = Err(exception);
        self.note(call, &result).await;
        result
    }

    /// Records a call that is answered all the same if that fails.
    async fn note(&self, call: &Call<'_>, result: &Result<Value, Exception>) {
        if self.record(call, result).await.is_err() {
            self.site.count_unrecorded();
        }
    }

    async fn record(
        &self,
        call: &Call<'_>,
        result: &Result<Value, Exception>,
    ) -> Result<(), Exception> {
        let Call { caller, request, operation, members, .. } = call;
        let (event_id, now) = (self.site.draw(), self.site.now());
        let is_denied = |exception: &Exception| exception.code == authorize::ACCESS_DENIED;
        let parameters = (!result.as_ref().is_err_and(is_denied)).then_some(members);
        let times = call.times;
        let told = Told { caller, request, operation, parameters, times, result, event_id, now };
        self.site.record(&caller.account, &caller.region, told.record()).await
    }
}

/// Refuses a change that its signature does not name: else whoever sees a signed read on its way could
/// make it a change. Some clients leave the operation of their reads out.
fn check_target(call: &Call<'_>, operation: &Operation) -> Result<(), Exception> {
    if call.request.is_target_signed || !matches!(operation.handler, Handler::Change(_)) {
        return Ok(());
    }
    let message = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.";
    Err(Exception::new("InvalidSignatureException", message))
}
