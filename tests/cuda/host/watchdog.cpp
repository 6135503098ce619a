// Ends a launch of which a thread runs in circles: without it, a test of a wrong loop would never end.
#include <csignal>
#include <ctime>
#include <unistd.h>

#include "scheduler.h"

namespace cuda_host {
namespace {

timer_t timer;
struct sigaction action_before;
unsigned long progress_before;

// Runs on the stack of the fiber that is in circles, which is left for good.
void look(int)
{
    if (!current)
        return;
    if (progress == progress_before)
        fail("a loop without end? In %g seconds, no thread has met others or come to its end", launch->patience);
    progress_before = progress;
}

}  // namespace

void start_watchdog()
{
    progress_before = ~0ul;
    struct sigaction action = {};
    action.sa_handler = look;
    action.sa_flags = SA_RESTART | SA_NODEFER;  // not blocked in the handler, as that may not return
    sigaction(SIGVTALRM, &action, &action_before);
    // To this CPU thread, and by its time: others may run in the process, and the machine may be busy.
    struct sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGVTALRM;
    event._sigev_un._tid = gettid();
    timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer);
    const time_t seconds = time_t(launch->patience);
    const timespec period = {seconds, long(1e9 * (launch->patience - double(seconds)))};
    const itimerspec periods = {period, period};
    timer_settime(timer, 0, &periods, nullptr);
}

void stop_watchdog()
{
    timer_delete(timer);
    sigaction(SIGVTALRM, &action_before, nullptr);
}

}  // namespace cuda_host
