"""Currencies with no, two, three and four decimals, through the books of hledger and beancount. Ends in `N passed, N failed`."""

import sys
import tempfile

from network import Server, Shop, checked_exports

# A tenth of the sale, half of it the publisher's and half the buyer's.
TERMS = {"commission": [{"pay": {"percent": "10"}}], "split": {"publisher": "50", "buyer": "50", "platform": "0"}}
SALES = {"JPY": ("12340", "1234"), "EUR": ("123.40", "12.34"), "KWD": ("123.450", "12.345"), "CLF": ("12.3450", "1.2345")}


def sell(server, shop, currency, amount):
    """A sale by a link; gives the commission's amount."""
    program = {"merchant": shop.id, "name": currency, "currency": currency, "landing_url": "https://shop.example/",
               "domains": ["shop.example"], "terms": TERMS}
    program = server.api("POST", "/programs", program)["id"]
    publisher = server.api("POST", "/publishers", {"name": "Blog"})["id"]
    click = server.click(server.api("POST", "/links", {"program": program, "publisher": publisher})["slug"])
    sale = {"program": program, "order_id": currency, "amount": amount, "currency": currency, "click_id": click}
    return shop.postback(sale)[1]["conversion"]["commission"]["amount"]


def main():
    results = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(sys.argv[1], folder)
        try:
            shop = Shop(server)
            for currency, (amount, wanted) in SALES.items():
                paid = sell(server, shop, currency, amount)
                results.append((f"{wanted} {currency} of {amount}", [] if paid == wanted else [paid]))
            results.append(("hledger and bean-check take all of them", checked_exports(server, folder, SALES)))
        finally:
            server.stop()
    for name, wrong in results:
        print(f"{'FAILED' if wrong else 'ok'}: {name}", *wrong, sep="\n    ")
    failed = sum(bool(wrong) for _, wrong in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
