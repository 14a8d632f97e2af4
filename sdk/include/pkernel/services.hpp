// Services of the host. Make each wrapper once, in the constructor, and keep it: a kernel that does
// not offer a service then refuses the config with a sentence, not the first request.

#pragma once

#include <pkernel/services/clock.hpp>
#include <pkernel/services/metrics.hpp>
#include <pkernel/services/offload.hpp>
#include <pkernel/services/subrequest.hpp>
#include <pkernel/services/timer.hpp>
#include <pkernel/services/variables.hpp>
#include <pkernel/services/waker.hpp>
