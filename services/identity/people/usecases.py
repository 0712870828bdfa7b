"""People: who signs in to a company, in which role. What changes their rights withdraws the tokens they hold."""

from __future__ import annotations

from services.identity.people import domain, store
from services.identity.roles import store as roles
from services.identity.roles.usecases import require_own, role_to_grant
from services.identity.tokens import failures
from shared.context import Context
from shared.contracts.identity import PrincipalChanged
from shared.errors import Conflict, Faults, Invalid, NotFound
from shared.ids import new_id


class PersonNotFound(NotFound):
    """There is no such person in this company."""

    code = "person-not-found"


class PersonExists(Conflict):
    """A person with this id exists with other details."""

    code = "person-exists"


class EmailTaken(Conflict):
    """Somebody signs in with this e-mail address already; one address is one person in the whole installation."""

    code = "email-taken"


class EmailUnfit(Invalid):
    """This is no e-mail address."""

    code = "email-unfit"


class PasswordUnfit(Invalid):
    """A password has 12 to 200 characters and is not the e-mail address."""

    code = "password-unfit"


class PasswordWrong(Invalid):
    """The present password is another."""

    code = "password-wrong"
    keeps_what_was_written = True


class OwnAccess(Conflict):
    """Nobody changes their own role or deactivates themselves; ask somebody else who may."""

    code = "own-access"


def create_person(
    ctx: Context, email: str, name: str, role: str, password: str, id: str | None = None, at: str = ""
) -> store.Person:
    """Somebody who may sign in from now on. The same `id` with the same content again is the same person.

    `at` is where the person stands in the input. Raises FaultsFound, GrantBeyondOwn, EmailTaken, PersonExists.
    """
    email = email.lower()
    with Faults() as faults:
        if not domain.is_email(email):
            faults.add(f"{at}/email", EmailUnfit())
        _check_password(password, email, f"{at}/password", faults)
        role_to_grant(ctx, role, faults)
    known = store.of(ctx.session, ctx.company_id, id) if id else None
    if known is not None:
        same = (known.email, known.name, known.role) == (email, name, role)
        if not same or not domain.password_fits(store.hash_of(ctx.session, ctx.company_id, known.id), password):
            raise PersonExists(pointer="/id")
        return known
    id = id or new_id("usr")
    try:
        store.add(ctx.session, ctx.company_id, id, email, name, role, domain.password_hash(password))
    except store.EmailKnown:
        raise EmailTaken(pointer=f"{at}/email") from None
    return person_of(ctx, id)


def person_of(ctx: Context, id: str) -> store.Person:
    """Raises PersonNotFound."""
    person = store.of(ctx.session, ctx.company_id, id)
    if person is None:
        raise PersonNotFound()
    return person


def change_person(
    ctx: Context,
    id: str,
    name: str | None = None,
    role: str | None = None,
    active: bool | None = None,
    password: str | None = None,
) -> store.Person:
    """Another name, role, activity or password; what is None stays.

    All but the name withdraw the tokens that the person holds. Both the role held and the role given must lie within
    what the changer may do. Raises PersonNotFound, GrantBeyondOwn, OwnAccess, FaultsFound.
    """
    present = person_of(ctx, id)
    # roles are locked before people, here as where a role changes
    _require_role_own(ctx, present.role)
    with Faults() as faults:
        if role is not None:
            role_to_grant(ctx, role, faults)
        if password is not None:
            _check_password(password, present.email, "/password", faults)
    locked = store.of_for_update(ctx.session, ctx.company_id, id)
    assert locked is not None, "people are never deleted"
    if locked.role != present.role:
        _require_role_own(ctx, locked.role)
    changed = (name or locked.name, role or locked.role, locked.active if active is None else active)
    if id == ctx.actor and changed[1:] != (locked.role, locked.active):
        raise OwnAccess()
    store.change(ctx.session, ctx.company_id, id, *changed)
    if password is not None:
        store.set_password(ctx.session, ctx.company_id, id, domain.password_hash(password))
    if password is not None or changed[1:] != (locked.role, locked.active):
        _withdraw_tokens(ctx, id)
    return person_of(ctx, id)


def change_own_password(ctx: Context, present: str, new: str) -> None:
    """The asker's own password; all tokens they hold, this one too, no longer count.

    A wrong present password counts as a failed sign-in. Raises PersonNotFound (an API key has none), PasswordWrong,
    FaultsFound, TooManySignIns.
    """
    failures.refuse_if_too_many(ctx, ctx.actor)
    person = store.of_for_update(ctx.session, ctx.company_id, ctx.actor)
    if person is None:
        raise PersonNotFound()
    with Faults() as faults:
        _check_password(new, person.email, "/new_password", faults)
    if not domain.password_fits(store.hash_of(ctx.session, ctx.company_id, person.id), present):
        failures.count(ctx, ctx.actor)
        raise PasswordWrong(pointer="/present_password")
    store.set_password(ctx.session, ctx.company_id, person.id, domain.password_hash(new))
    _withdraw_tokens(ctx, person.id)


def _withdraw_tokens(ctx: Context, id: str) -> None:
    valid_after = store.withdraw_tokens(ctx.session, ctx.company_id, id)
    ctx.state(PrincipalChanged(principal=id, valid_after=valid_after), subject=id)


def _require_role_own(ctx: Context, name: str) -> None:
    role = roles.of(ctx.session, ctx.company_id, name)
    assert role is not None, "a foreign key holds it"
    require_own(ctx, role.permissions)


def _check_password(password: str, email: str, pointer: str, faults: Faults) -> None:
    fits = domain.SHORTEST_PASSWORD <= len(password) <= domain.LONGEST_PASSWORD
    if not fits or password.lower() == email:
        faults.add(pointer, PasswordUnfit())
