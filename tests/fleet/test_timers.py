from bedside.fleet.timers import FleetReactor


def test_timers_call_in_the_order_of_their_moments_and_cancelled_ones_do_not():
    reactor, called = FleetReactor(), []
    reactor.later(20, reactor.stop)
    reactor.later(10, lambda: called.append("later"))
    reactor.later(0, lambda: called.append("sooner"))
    never = reactor.later(5, lambda: called.append("never"))
    never.cancel()
    reactor.run()
    assert called == ["sooner", "later"]
    reactor.close()


def test_a_timer_may_set_another():
    reactor, called = FleetReactor(), []

    def again():
        called.append(len(called))
        reactor.later(0, again if len(called) < 3 else reactor.stop)

    reactor.later(0, again)
    reactor.run()
    assert called == [0, 1, 2]
    reactor.close()
