// Every rule by the name that a verdict uses. A rule takes the analysed room and what the scenario
// expects, and gives a sentence for each breach.
import { divergence, holes, replicas, stateFirst } from './log.mjs';
import { answers, epochOrder, epochs, fullStates, realTime, sendOrder } from './order.mjs';
import { afterTheEnd, falseLeaves, ghosts, leaveCounts, lostMembers } from './presence.mjs';
import { replay } from './replay.mjs';
import { anomalies, capacity, finalViews, viewsAtAcks } from './views.mjs';

export const RULES = {
  'odd-news': anomalies,
  'view-differs-from-answer': viewsAtAcks,
  'final-views-differ': finalViews,
  'different-news-of-one-commit': divergence,
  'missed-commit': holes,
  'answer-before-state': stateFirst,
  'replicas-differ': replicas,
  'unexplained-change': (room, expectations) => replay(room, expectations).unexplained,
  'unauthorised-change': (room, expectations) => replay(room, expectations).unauthorised,
  'lost-acknowledged-change': (room, expectations) => replay(room, expectations).lostAcks,
  'last-host-removed': (room, expectations) => replay(room, expectations).lastHost,
  'roles-drifted': (room, expectations) => replay(room, expectations).drift,
  'real-time-order': realTime,
  'send-order': sendOrder,
  'epoch-order': epochOrder,
  'epoch-without-full-state': epochs,
  'too-many-full-states': fullStates,
  unanswered: answers,
  'false-leave': falseLeaves,
  'leave-count': leaveCounts,
  'lost-member': lostMembers,
  ghost: ghosts,
  'entry-after-the-end': afterTheEnd,
  'over-capacity': capacity,
};
