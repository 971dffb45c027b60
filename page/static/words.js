// The words that the scripts add to a page, in one place (the others: page/words.py), with values in place of {0} and {1}.
// The build of the Chinese edition puts Chinese into the calls of say().
const say = (words, ...values) => words.replace(/\{(\d)\}/g, (_, place) => values[place]);
const words = {
  written: say("I have written down my guess"),
  guess: say("your guess"),
  right: say("right"),
  show: say("Show the answer"),
  hide: say("Hide the answer"),
  always: say("Always show answers"),
  said: (letter) => say("You said {0}. ", letter),
  compare: say("Compare with the answer"),
  verdicts: {
    open: () => say("Compare with what you wrote down."),
    right: (letter) => say("You said {0}: right.", letter),
    surprise: (letter) => say("You said {0}: a surprise.", letter),
  },
  count: (right, all) => say("{0} of {1} right", right, all),
  listed: (count) => say(": {0}", count),
  surprises: say("What surprised you:"),
  predictions: (count) => say("Your predictions: {0}", count),
  forgetPredictions: say("Forget my predictions"),
  play: say("Play"),
  pause: say("Pause"),
  filter: say("What do you see?"),
  found: (number) => (number === 0 ? say("No question here has these words.") : number === 1 ? say("1 question") : say("{0} questions", number)),
  symptoms: say("Symptoms"),
  close: say("Close"),
};
