const zh = {
  title: '我的抽奖',
};

const en: typeof zh = {
  title: 'My draw',
};

export const messages = { zh, en };
