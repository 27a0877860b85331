"""Watches an exchange from its chain alone, and convicts its operator of every lie."""

import sys

import click

from matcher.blobs.options import with_blob_options
from matcher.challenger.options import with_options
from scripts._session import (
    ChainCommand,
    Session,
    account_option,
    expect_chain_id,
    log_level_option,
    plain_errors,
)


@click.command(cls=ChainCommand)
@with_options
@with_blob_options
@account_option("Signs and pays; lies earn it the reward.")
@log_level_option
@click.option("--log-json", is_flag=True, help="Log JSON objects, one per line.")
@expect_chain_id
@plain_errors
def cli(
    provider,
    account,
    stores,
    archivers,
    beacons,
    log_level,
    log_json,
    expect_chain_id,
    **choices,
):
    """Watch an exchange from its chain alone, and convict its operator of every lie.

    Follows the chain by its logs and blobs, executes every batch again, proves the first lie, asks
    about what nobody is known to have signed. Exits with 0 if nothing was found, 1 if --once found
    lies, 3 if the chain cannot be worked with, 4 if a lie is final already.
    """
    from matcher.blobs.options import sources_of
    from matcher.challenger.command import challenge
    from matcher.challenger.options import Choices
    from matcher.settings import configure_logging
    from scripts._exchange import find

    session = Session.open(provider, expect_chain_id)
    configure_logging(log_level, log_json)
    signer = session.account(account)
    deployment = find(session, signer, None).deployment
    blobs = sources_of(session.w3, stores, archivers, beacons)
    sys.exit(challenge(deployment, signer, Choices(**choices), blobs))
