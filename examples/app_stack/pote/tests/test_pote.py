"""What is done with feeds and reports, on a database in memory."""

import json
import unittest
from pathlib import Path

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from pote.fetch import FeedError, parse, store
from pote.models import Base, Trade
from pote.report import compose

FEED = json.loads(Path(__file__).with_name("feed.json").read_text())


class Feed(unittest.TestCase):
    def setUp(self) -> None:
        engine = create_engine("sqlite://")
        Base.metadata.create_all(engine)
        self.session = Session(engine)
        self.addCleanup(engine.dispose)
        self.addCleanup(self.session.close)

    def test_a_trade_is_stored_once(self) -> None:
        self.assertEqual(store(self.session, parse(FEED)), 2)
        self.assertEqual(store(self.session, parse(FEED)), 0)
        self.assertEqual(store(self.session, parse([FEED[0], {**FEED[0], "id": "a3"}])), 1)

    def test_what_is_no_trade_is_refused(self) -> None:
        for wrong in ({}, [{}], [{**FEED[0], "side": "hold"}], [{**FEED[0], "amount": "much"}], ["trade"]):
            with self.assertRaises(FeedError):
                parse(wrong)

    def test_a_report_lists_them(self) -> None:
        store(self.session, parse(FEED))
        text = compose(self.session.scalars(select(Trade).order_by(Trade.traded_on)).all())
        self.assertEqual(len(text.splitlines()), 2)
        self.assertIn("B. Sample", text.splitlines()[0])
        self.assertIn("15,000.00", text)


if __name__ == "__main__":
    unittest.main()
